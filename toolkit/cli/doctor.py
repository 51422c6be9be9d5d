"""``toolkit doctor``: what is installed, what is missing, and the command that mends it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from toolkit.cli._group import command
from toolkit.cli._options import common
from toolkit.cli._session import Session
from toolkit.errors import MISSING

if TYPE_CHECKING:
    from toolkit.device.doctor import Finding


@command("Project", 3)
@common
@click.pass_context
def doctor(ctx: click.Context) -> None:
    """Say what is installed and what is missing, with the command that mends it.

    Exit code 3 when something is missing that every recipe needs.
    """
    from toolkit.device import doctor as examine

    session: Session = ctx.obj
    findings = examine.check()
    broken = [finding for finding in findings if finding.required and not finding.found]
    session.result({"ok": not broken, "findings": [asdict(finding) for finding in findings]})
    if not session.json:
        _show(session, findings)
    if broken:
        ctx.exit(MISSING)
    session.next("toolkit init")


def _show(session: Session, findings: list[Finding]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("part", no_wrap=True)
    table.add_column("version", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("for", ratio=1)
    for finding in findings:
        mark = "ok" if finding.found else ("MISSING" if finding.required else "–")
        table.add_row(mark, finding.name, finding.version, finding.needed_for)
    session.console.print(table)
    absent = [finding for finding in findings if not finding.found]
    if absent:
        click.echo("\nmissing, and what mends it:")
    for finding in absent:  # not in the table: a command must be copied in one piece
        click.echo(f"  {finding.name}: {finding.fix}")
    missing = [finding for finding in findings if finding.required and not finding.found]
    click.echo("something is missing" if missing else "everything that a recipe needs is here")
