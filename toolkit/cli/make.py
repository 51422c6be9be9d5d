"""``toolkit make``: walk the whole recipe, doing only the stages whose inputs changed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._group import command
from toolkit.cli._options import common, option, project_option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.project import Project

_LAST = "report"


@command("Project", 2)
@project_option
@option(
    "--until",
    default=_LAST,
    show_default=True,
    metavar="STAGE",
    help="Stop after train, quantize, export, build, verify, test, bench or report.",
)
@option("--dry-run", is_flag=True, help="Only say which stages would be done.")
@common
@click.pass_obj
def make(session: Session, project: Path, until: str, dry_run: bool) -> None:
    """Train, quantize, export, build, verify, test on the device, bench and report.

    A stage whose inputs did not change is skipped. A killed run goes on where it was.
    """
    from toolkit.cli._recipe import walk

    settings, steps = walk(session, project, until, dry_run=dry_run)
    if dry_run:
        session.result({"steps": [asdict(step) for step in steps]})
        if not session.json:
            for step in steps:
                click.echo(f"{step.stage:9} {step.note}")
        return
    result: dict[str, Any] = {"steps": [asdict(step) for step in steps]}
    if until == _LAST:
        from toolkit.report.of_project import of_project

        result |= _documents(settings)
        if not session.json:
            _table(session, settings, of_project(settings))
    session.result(result)
    if until == _LAST:
        session.next(f"open {settings.build / 'report.html'} in a browser")


def _documents(settings: Project) -> dict[str, Any]:
    from toolkit.stages.stage import read

    names = ("train", "quantize", "verify", "test", "bench")
    documents = {name: read(settings.build / f"{name}.json") for name in names}
    return {
        **documents,
        "bundle": str(settings.build / "bundle"),
        "report": str(settings.build / "report.html"),
    }


def _table(session: Session, settings: Project, facts: Any) -> None:
    from rich.table import Table

    from toolkit.report import words
    from toolkit.stages.stage import read

    bench = read(settings.build / "bench.json")
    table = Table(title=f"{facts.name} on {facts.target}", title_justify="left", title_style="bold", box=None)
    table.add_column("figure", style="bold", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("how", no_wrap=True)
    table.add_column("source", style="dim")
    for row in facts.accuracy:
        label = f"Accuracy, {row.label[0].lower()}{row.label[1:]}"
        table.add_row(label, f"{row.fraction:.2%}".replace("%", " %"), "counted", row.note)
    for figure in (*words.memory(bench), *words.cost(bench)):
        table.add_row(figure.label, figure.text, figure.kind, figure.source)
    samples = max(check.samples for check in facts.checks)
    verdict = "bit-exact" if facts.verified else "DIFFERS"
    table.add_row("Verified", verdict, "counted", f"reference, host C and device on {samples} samples")
    session.console.print()
    session.console.print(table)
    for note in facts.notes:
        session.console.print(f" {note}", style="dim")
    session.console.print(f"\nreport: {settings.build / 'report.html'}", soft_wrap=True)
