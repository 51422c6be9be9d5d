"""Write the report."""

from __future__ import annotations

from pathlib import Path

from toolkit.stages.stage import Stage, Work


def _run(work: Work) -> list[Path]:
    from toolkit import report
    from toolkit.report.of_project import of_project

    return [report.write(work.path("report.html"), of_project(work.project))]


def _note(work: Work) -> str:
    return str(work.path("report.html"))


STAGE = Stage(
    name="report",
    needs=("train", "quantize", "export", "build", "verify", "test", "bench"),
    sources=("report", "stages/report.py"),
    packages=("jinja2",),
    settings=lambda project: project.name,
    run=_run,
    note=_note,
)
