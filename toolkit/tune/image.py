"""A model built by itself, to see what it takes before its bundle is written."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from toolkit import paths
from toolkit.backends import c
from toolkit.device import firmware
from toolkit.device.build import Image, build
from toolkit.device.targets import Target
from toolkit.lower.ir import Model
from toolkit.measure import memory
from toolkit.measure.memory import Memory


def build_alone(
    folder: Path,
    source: c.Source,
    model: Model,
    target: Target,
    *,
    toolchain: str | None = None,
    size: bool = False,
) -> Image:
    """Write ``source`` and a harness to ``folder`` and build them for ``target``; ``size`` as exported for size."""
    (folder / f"{model.name}.c").write_text(source.model_c, encoding="utf-8")
    (folder / f"{model.name}.h").write_text(source.model_h, encoding="utf-8")
    (folder / "runtime").mkdir()
    for header in (paths.runtime_dir() / "include").glob("*.h"):
        (folder / "runtime" / header.name).write_bytes(header.read_bytes())
    for file, text in firmware.files(target).items():
        (folder / file).write_text(text, encoding="utf-8")
    manifest = {
        "schema": 1,
        "target": target.name,
        "optimize": "size" if size else "speed",
        "inputs": [{"bytes": value.nbytes} for value in model.inputs],
        "outputs": [{"bytes": value.nbytes} for value in model.outputs],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return build(folder, toolchain=toolchain)


def memory_of(model: Model, target: Target, *, toolchain: str | None = None, size: bool = False) -> Memory:
    """Return what flash and RAM ``model`` takes with the kernels chosen for it, linked with the harness.

    Raises:
        ToolkitError: the compiler is missing, or the model does not fit the target at all.
    """
    source = c.emit(model, share_kernels=size)
    with tempfile.TemporaryDirectory(prefix="toolkit-image-", ignore_cleanup_errors=True) as name:
        image = build_alone(Path(name), source, model, target, toolchain=toolchain, size=size)
        return memory.of_image(image.path, source.arena.plan.arena_bytes)
