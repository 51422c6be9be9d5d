"""Prove that the device computes what the reference computes; a difference ends the recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.project import Project
from toolkit.stages.stage import Stage, Work


def _settings(project: Project) -> dict[str, Any]:
    return {"fresh": project.device.fresh}


def _run(work: Work) -> list[Path]:
    from toolkit.verify.verify import verify

    device = work.project.device
    result = verify(work.bundle, fresh=device.fresh, timeout_s=device.timeout_s)
    written = work.write("verify.json", result.to_json())
    first = result.first_difference
    if first is not None:
        raise ToolkitError(
            f"{first.device} computes {first.got:g} where the reference has {first.expected:g} "
            f"(sample {first.sample}, value {first.index})",
            at=first.layer or str(work.bundle),
            fix=f"see `toolkit verify {work.bundle}`; an unchanged bundle that differs is a bug",
            exit_code=CHECK_FAILED,
        )
    return [written]


def _note(work: Work) -> str:
    report = work.read("verify.json")
    samples = max(entry["samples"] for entry in report["comparisons"])
    return f"{'bit-exact' if report['exact'] else 'equal within 1e-4'} on {samples} samples"


STAGE = Stage(
    name="verify",
    needs=("export", "build"),
    sources=(
        "golden.py",
        "verify",
        "device",
        "lower",
        "ops",
        "stages/verify.py",
    ),
    packages=("unicorn", "numpy"),
    settings=_settings,
    run=_run,
    note=_note,
)
