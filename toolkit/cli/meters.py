"""``toolkit meters``: the meters of energy that one can measure with."""

from __future__ import annotations

from dataclasses import asdict

import click

from toolkit.cli._group import command
from toolkit.cli._options import common
from toolkit.cli._session import Session


@command("Knowledge", 3)
@click.argument("name", required=False)
@common
@click.pass_obj
def meters(session: Session, name: str | None) -> None:
    """List the meters of power and energy, or say all of the one called NAME: wiring, options, accuracy."""
    from toolkit.measure import meters as known

    found = {each: known.facts(each) for each in ([name] if name else known.names())}
    session.result({"meters": [{"name": each, **asdict(facts)} for each, facts in found.items()]})
    if session.json:
        return
    from rich.table import Table

    if name:
        facts = found[name]
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(style="bold", no_wrap=True)
        table.add_column()
        for label, text in (
            ("meter", f"{name}: {facts.title}"),
            ("measures", facts.measures),
            ("accuracy", facts.accuracy),
            ("needs", facts.needs),
            ("wiring", facts.wiring),
            ("marks", "yes: a pin of the board can mark windows" if facts.marks else "no: windows by time"),
            *((f"option {option}", text) for option, text in facts.options.items()),
        ):
            table.add_row(label, text)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold", row_styles=("", "dim"))
        for heading in ("meter", "what it is", "measures", "accuracy"):
            table.add_column(heading, no_wrap=heading == "meter")
        for each, facts in found.items():
            table.add_row(each, facts.title, facts.measures, facts.accuracy)
    session.console.print(table)
    session.next(f"toolkit bench DIR --port PORT --meter {name or 'NAME'}" if name else "toolkit meters NAME")
