"""What a kernel costs for one layer's shapes: counted on the emulated core, once, and remembered."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from toolkit import atomic, paths
from toolkit.backends import c
from toolkit.device import elf, targets
from toolkit.device.run import run
from toolkit.device.targets import Target
from toolkit.device.toolchain import find
from toolkit.kernels import constant_bytes, implementation, kernels
from toolkit.lower.ir import Model, Quantization, Step, Value
from toolkit.ops.requantize import output_bounds
from toolkit.ops.wide import ENDING as WIDE
from toolkit.tune.image import build_alone

PROGRAM_RAM_BYTES = 1 << 20  # of activations that one counting program may hold
_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Cost:
    """One layer with one kernel: instructions of one inference, and bytes."""

    instructions: int
    code_bytes: int  # of the layer's own functions, what was inlined into them included
    constant_bytes: int  # weights as the kernel wants them, biases, multipliers
    scratch_bytes: int


def count(
    steps: Sequence[Step],
    target: Target,
    *,
    toolchain: str | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Cost]:
    """Return what each of ``steps`` costs with the kernel chosen for it.

    The steps run on random data, spikes as dense as they are expected, in programs of their own, on the target's
    family: a core with memory enough for all of them. Counts are kept in the user's cache, by the layer's shapes, the
    kernels' source and the compiler.

    Raises:
        ToolkitError: the compiler or the emulator is missing, or something does not build or run.
    """
    core = targets.load(target.family) if target.bare_metal else target
    compiler = find(core, toolchain)
    common = [core.name, core.default_emulator, *compiler.command, *compiler.link_flags, _runtime_hash()]
    keys = [_key(step, common) for step in steps]
    known = {key: _remembered(key) for key in keys}
    todo: dict[str, Step] = {}
    for key, step in zip(keys, steps, strict=True):
        if known[key] is None:
            todo.setdefault(key, step)
    for number, group in enumerate(_groups(todo, core)):
        progress(f"counting {len(group)} kernels ({number + 1})")
        for key, cost in zip(group, _run([todo[key] for key in group], core, toolchain), strict=True):
            known[key] = cost
            _remember(key, cost)
    costs = [known[key] for key in keys]
    return [cost for cost in costs if cost is not None]


def _run(steps: list[Step], core: Target, toolchain: str | None) -> list[Cost]:
    """Build one program of independent layers, run it once, and read what each took."""
    alone = [_alone(step, i) for i, step in enumerate(steps)]
    inputs = [(value, _share(step, i)) for step in alone for i, value in enumerate(step.activations)]
    model = Model("model", [value for value, _ in inputs], [step.output for step in alone], alone)
    source = c.emit(model)
    with tempfile.TemporaryDirectory(prefix="toolkit-count-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        image = build_alone(folder, source, model, core, toolchain=toolchain)
        rng = np.random.default_rng(0)
        sample = b"".join(_random(rng, value, ones).tobytes() for value, ones in inputs)
        ran = run(image, core, [sample], profile=True, timeout_s=_TIMEOUT_S)
        assert ran.profile is not None
        by_layer, symbols = ran.profile.by_layer(), elf.read(image.path).by_name
        return [
            Cost(
                by_layer.get(layer.function, 0),
                sum(symbols[name].size for name in (layer.function, *layer.functions) if name in symbols),
                constant_bytes(layer.step),
                implementation(layer.step).scratch_bytes(layer.step),
            )
            for layer in source.layers
        ]


def _alone(step: Step, number: int) -> Step:
    """Return the step with activations of its own."""
    fresh = {id(v): replace(v, name=f"in_{number}_{i}") for i, v in enumerate(step.inputs) if v.data is None}
    return replace(
        step,
        name=f"step_{number}",
        inputs=[fresh.get(id(value), value) for value in step.inputs],
        output=replace(step.output, name=f"out_{number}"),
    )


def _share(step: Step, index: int) -> float | None:
    """Return the share of ones in an activation of a step, where it is spikes."""
    return (
        step.attrs["density"] if index == 0 and step.op.endswith(WIDE) and "density" in step.attrs else None
    )


def _random(rng: np.random.Generator, value: Value, ones: float | None) -> np.ndarray:
    if ones is not None:
        return spikes(rng, value.shape, ones)
    if value.dtype == "float32":
        return rng.normal(size=value.shape).astype(np.float32)
    if value.dtype == "bool":
        return rng.random(value.shape) < 0.5
    limits = np.iinfo(value.dtype)
    return rng.integers(limits.min, limits.max, value.shape, endpoint=True).astype(value.dtype)


def spikes(rng: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    """Return int8 zeros and ones, ``share`` of them ones to within one of them, anywhere."""
    ones = np.zeros(int(np.prod(shape)), np.int8)
    ones[: round(share * ones.size)] = 1
    return rng.permutation(ones).reshape(shape)


def _groups(todo: dict[str, Step], core: Target) -> list[list[str]]:
    """Split the steps so that each program's activations fit into memory."""
    groups: list[list[str]] = []
    limit = min(PROGRAM_RAM_BYTES, core.ram.bytes // 2) if core.ram else PROGRAM_RAM_BYTES
    used = limit + 1
    for key, step in todo.items():
        size = step.output.nbytes + sum(value.nbytes for value in step.activations)
        if used + size > limit:
            groups.append([])
            used = 0
        groups[-1].append(key)
        used += size
    return groups


def _key(step: Step, common: list[str]) -> str:
    """Return a name for all that a count depends on: shapes and types, and values only where the kernel is of them."""
    bounds = None
    if step.output.quant is not None and step.output.dtype == "int8":
        bounds = output_bounds(step.output, step.attrs.get("activation"))
    parts: list[Any] = [
        step.op,
        step.kernel,
        step.rounding,
        sorted((k, repr(v)) for k, v in step.attrs.items()),
        bounds,
    ]
    if step.kernel in kernels() and kernels()[step.kernel].depends_on_values:
        parts += [hashlib.sha256(v.data.tobytes()).hexdigest() for v in step.inputs if v.data is not None]
    parts += [[v.shape, v.dtype, v.data is not None, _kind(v.quant)] for v in (*step.inputs, step.output)]
    return hashlib.sha256(json.dumps([*common, parts], default=str).encode()).hexdigest()


def _kind(quant: Quantization | None) -> list[Any] | None:
    return None if quant is None else [quant.qmin, quant.qmax, quant.axis, quant.zero_point.any().item()]


def _runtime_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted((paths.runtime_dir() / "include").glob("*.h")):
        digest.update(file.name.encode() + file.read_bytes())
    for folder in ("kernels", "ops"):
        for file in sorted((Path(__file__).parents[1] / folder).glob("*.py")):
            digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def _cache_file(key: str) -> Path:
    return platformdirs.user_cache_path("edge-toolkit") / "counts" / f"{key}.json"


def _remembered(key: str) -> Cost | None:
    try:
        read = json.loads(_cache_file(key).read_text(encoding="utf-8"))
        return Cost(**{name: int(read[name]) for name in Cost.__dataclass_fields__})
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _remember(key: str, cost: Cost) -> None:
    file = _cache_file(key)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_text(file, json.dumps(asdict(cost)))
    except OSError:
        pass  # a cache that cannot be written costs time only
