"""Compile the bundle into an image for the target."""

from __future__ import annotations

from pathlib import Path

from toolkit.stages.stage import Stage, Work


def _run(work: Work) -> list[Path]:
    from toolkit.device import build

    return [build.build(work.bundle).path]


def _note(work: Work) -> str:
    from toolkit.device import build, fit

    image = build.build(work.bundle)  # nothing is compiled twice
    if image.kind != "bare_metal":
        return f"{image.path.name} with {image.toolchain}"
    sizes = fit.sizes(image.path)
    return f"flash {sizes.flash_bytes:,} B, RAM {sizes.ram_bytes:,} B with the stack, by {image.toolchain}"


STAGE = Stage(
    name="build",
    needs=("export",),
    sources=("device", "stages/build.py"),
    packages=("ziglang",),
    settings=lambda project: None,
    run=_run,
    note=_note,
)
