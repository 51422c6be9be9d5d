"""``toolkit quantize``: turn the trained model into a program of integers."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._group import command
from toolkit.cli._options import common, project_option
from toolkit.cli._session import Session


@command("Model", 2)
@project_option
@common
@click.pass_obj
def quantize(session: Session, project: Path) -> None:
    """Quantize the project's trained model to a .pt2 program, training it first when needed."""
    from toolkit.cli._recipe import walk
    from toolkit.stages.stage import read

    settings, steps = walk(session, project, "quantize")
    report = read(settings.build / "quantize.json")
    program = settings.build / "quantized.pt2"
    session.result({"program": str(program), "ran": steps[-1].ran, **report})
    if not session.json:
        click.echo(f"{program}: {steps[-1].note}")
    session.next("toolkit export")
