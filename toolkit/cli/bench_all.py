"""``toolkit bench --all``: what a matrix of models and targets costs, a few at a time."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._entries import show_changes, show_entries
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED

if TYPE_CHECKING:
    from toolkit.measure.matrix.changes import Change
    from toolkit.measure.matrix.pool import Answer
    from toolkit.measure.matrix.store import Store


@command("Device", 4)
@click.argument("matrix", type=PATH, default=Path("."), metavar="[MATRIX]")
@option("-t", "--target", "targets", multiple=True, metavar="NAME", help="For models: once for each target.")
@option(
    "-j", "--jobs", type=click.IntRange(1, 1024), help="How many at a time; one for each core by default."
)
@option("--store", type=PATH, default=Path("toolkit-results.sqlite"), show_default=True,
        metavar="FILE", help="The results file.")  # fmt: skip
@option("--fresh", is_flag=True, help="Do all cells again, those that are done already, too.")
@option("--against", metavar="RUN", help="Show what changed since that run: its number, or last.")
@option("--tolerance", type=click.FloatRange(0), default=0.05, show_default=True,
        help="The fraction by which a measured figure may move.")  # fmt: skip
@timeout_option(600)
@common
@click.pass_context
def bench_all(
    ctx: click.Context, matrix: Path, targets: tuple[str, ...], jobs: int | None, store: Path, fresh: bool,
    against: str | None, tolerance: float, timeout: float,
) -> None:  # fmt: skip
    """Bench each model of MATRIX on each target, several at a time, and keep the results in a file.

    MATRIX is a folder of models and bundles (this one by default), or a TOML file with a [matrix] table. What is in
    the results file already and depends on nothing that changed is not done again, so an interrupted run goes on.
    """
    from toolkit.measure.matrix.read import load
    from toolkit.measure.matrix.run import bench_all as run_all
    from toolkit.measure.matrix.store import Store

    session: Session = ctx.obj
    cells = load(matrix, targets)
    with Store(store) as results:
        earlier = results.run(against) if against else None
        try:
            with session.progress("bench") as progress:
                number, answers = run_all(
                    cells, results, title=str(matrix), jobs=jobs or os.cpu_count() or 1, timeout_s=timeout,
                    fresh=fresh, progress=progress,
                )  # fmt: skip
        except KeyboardInterrupt:
            session.say(f"what is done is kept in {store}; the same command does the rest")
            raise
        changes = _changes(results, earlier.id, number, tolerance) if earlier else None
        if not session.json:
            _show(session, results, number, answers)
            if changes is not None and earlier is not None:
                show_changes(session, changes, f"run {number} against run {earlier.id}")
    document = {"run": number, "store": str(store), "cells": [_cell(answer) for answer in answers]}
    if changes is not None:
        document["changes"] = [change.to_json() for change in changes]
    session.result(document)
    if any(answer.error for answer in answers) or any(change.verdict == "worse" for change in changes or ()):
        ctx.exit(CHECK_FAILED)
    session.next(f"toolkit compare {store} -o compare.html")


def _changes(store: Store, before: int, after: int, tolerance: float) -> list[Change]:
    from toolkit.measure.matrix.changes import between

    (old, _), (new, failed) = (store.entries(store.run(str(number))) for number in (before, after))
    return between(old, new, failed, tolerance=tolerance)


def _show(session: Session, store: Store, number: int, answers: list[Answer]) -> None:
    entries, failed = store.entries(store.run(str(number)))
    if entries:
        show_entries(session, entries, [False] * len(entries))
    for each in failed:
        session.console.print(
            f"{each.model} on {each.target} failed: {each.source}", style="red", markup=False
        )
    kept = sum(answer.kept for answer in answers)
    done = len(answers) - kept - len(failed)
    session.console.print(f"run {number}: {done} done, {kept} kept from earlier runs, {len(failed)} failed")


def _cell(answer: Answer) -> dict[str, object]:
    cell = answer.cell
    return {"model": cell.model, "target": cell.target, "ways": cell.ways, "seconds": round(answer.seconds, 2),
            "kept": answer.kept, "bench": answer.document, "error": answer.error}  # fmt: skip
