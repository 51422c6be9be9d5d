"""``toolkit train``: train the project's float model."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli._group import command
from toolkit.cli._options import common, project_option
from toolkit.cli._session import Session


@command("Model", 1)
@project_option
@common
@click.pass_obj
def train(session: Session, project: Path) -> None:
    """Train the project's model in float; a killed run goes on from its last epoch."""
    from toolkit.cli._recipe import walk
    from toolkit.stages.stage import read

    settings, steps = walk(session, project, "train")
    report = read(settings.build / "train.json")
    session.result({"weights": str(settings.build / "float.pt"), "ran": steps[-1].ran, **report})
    if not session.json:
        click.echo(f"{settings.build / 'float.pt'}: {steps[-1].note}")
    session.next("toolkit quantize")
