"""``toolkit methods``: the published methods that work here."""

from __future__ import annotations

from dataclasses import asdict

import click

from toolkit.cli._group import command
from toolkit.cli._options import common
from toolkit.cli._session import Session


@command("Knowledge", 2)
@common
@click.pass_obj
def methods(session: Session) -> None:
    """List the methods for training, compressing and checking, with paper and cost."""
    from toolkit.catalogue import catalogue

    found = catalogue()
    session.result({"methods": [asdict(method) for method in found]})
    if session.json:
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", row_styles=("", "dim"))
    table.add_column("method", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    for heading in ("what", "paper", "cost"):
        table.add_column(heading)
    for method in found:
        table.add_row(method.slug, method.kind, method.title, method.paper, method.cost)
    session.console.print(table)
