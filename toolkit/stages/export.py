"""Compile the program to a bundle of C; test samples become its golden inputs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from toolkit.project import Project
from toolkit.stages.stage import Stage, Work
from toolkit.stages.train import deployed, load_dataset


def _settings(project: Project) -> dict[str, Any]:
    from toolkit.device import targets

    target = {
        key: value for key, value in vars(targets.load(project.export.target)).items() if key != "folder"
    }
    return {
        "name": project.name,
        "export": asdict(project.export),
        "target": repr(sorted(target.items())),
        "data": asdict(project.data),
        "stream": project.model.stream,
    }


def _run(work: Work) -> list[Path]:
    from toolkit import bundle

    chosen = work.project.export
    bundle.export(
        work.path("quantized.pt2"),
        chosen.target,
        work.bundle,
        name=work.project.name,
        optimize=chosen.optimize,
        tune=chosen.tune,
        max_flash=chosen.max_flash or None,
        max_ram=chosen.max_ram or None,
        prompt_block=chosen.prompt_block,
        golden=deployed(work.project, load_dataset(work.project)).x_test[: chosen.golden],
        golden_count=chosen.golden,
    )
    return [work.bundle / "manifest.json", work.bundle / "model.c", work.bundle / "model.h"]


def _note(work: Work) -> str:
    from toolkit.device.build import read_manifest

    sizes = read_manifest(work.bundle)["sizes"]
    weights, arena, macs = sizes["weight_bytes"], sizes["arena_bytes"], sizes["macs"]
    return f"for {work.project.export.target}: weights {weights:,} B, arena {arena:,} B, {macs:,} MACs"


STAGE = Stage(
    name="export",
    needs=("quantize",),
    sources=(
        "kernels",
        "lower",
        "ops",
        "backends",
        "program",
        "tune",
        "bundle.py",
        "describe.py",
        "golden.py",
        "tensors.py",
        "device/firmware.py",
        "runtime",
        "stages/export.py",
    ),
    packages=("torch", "numpy"),
    settings=_settings,
    run=_run,
    note=_note,
)
