"""Tables of compared models on the terminal, with a mark at each figure that says how it is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.compare.entry import Entry
    from toolkit.measure.matrix.changes import Change


def show_entries(session: Session, entries: Sequence[Entry], on_front: Sequence[bool], of: str = "") -> None:
    """Print a row for each entry; those on the Pareto front are marked, and ``of`` says of what."""
    from rich.table import Table
    from rich.text import Text

    from toolkit.compare.entry import names
    from toolkit.report import words
    from toolkit.report.kind_marks import MARKS

    metrics = words.shown(entries)
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("", justify="right")
    table.add_column("model", overflow="fold")
    for metric in metrics:
        table.add_column(metric.label, justify="right", no_wrap=True)
    if any(on_front):
        table.add_column("front", justify="center")
    for number, (name, entry, front) in enumerate(zip(names(entries), entries, on_front, strict=True), 1):
        texts = [words.marked(metric, entry.figures.get(metric.key)) for metric in metrics]
        table.add_row(str(number), Text(name), *texts, *(["*" if front else ""] if any(on_front) else []))
    session.console.print(table)
    legend = ", ".join(f"{mark} {kind}" for kind, mark in MARKS.items())
    session.console.print(f"{legend}{f'; * on the front of {of}' if any(on_front) else ''}", style="dim")


def show_changes(session: Session, changes: Sequence[Change], title: str) -> None:
    """Print a row for each change."""
    from rich.table import Table
    from rich.text import Text

    from toolkit.compare.metric import find
    from toolkit.report import words

    if not changes:
        session.console.print(f"{title}: nothing changed")
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in ("model", "figure", "before", "after", "by", ""):
        table.add_column(heading, justify="right" if heading in ("before", "after", "by") else "left")
    for change in changes:
        if change.metric:
            before, after = (
                words.marked(find(change.metric), figure) for figure in (change.before, change.after)
            )
        else:
            before = after = ""
        by = "" if change.ratio is None else f"{change.ratio:+.2%}"
        style = {"better": "green", "worse": "red"}.get(change.verdict, "")
        verdict = change.note or change.verdict
        table.add_row(Text(change.name), change.metric, before, after, by, Text(verdict), style=style)
    session.console.print(table)
