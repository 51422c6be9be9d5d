"""Count what one inference costs on the emulated core, and estimate time and energy from it."""

from __future__ import annotations

from pathlib import Path

from toolkit.stages.stage import Stage, Work


def _run(work: Work) -> list[Path]:
    from toolkit.measure.bench import bench

    result = bench(work.bundle, timeout_s=work.project.device.timeout_s)
    return [work.write("bench.json", result.to_json())]


def _note(work: Work) -> str:
    from toolkit.report import words

    figures = words.cost(work.read("bench.json"))
    return ", ".join(
        f"{figure.text}{' instructions' if figure.label == 'Instructions' else ''} {figure.kind}"
        for figure in figures
        if figure.label != "Cycles"
    )


STAGE = Stage(
    name="bench",
    needs=("export", "build"),
    sources=("measure", "verify", "device", "stages/bench.py"),
    packages=("unicorn", "capstone"),
    settings=lambda project: None,
    run=_run,
    note=_note,
)
