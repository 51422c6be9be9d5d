"""``toolkit compare``: models, targets and meters in one table, plot and page, or two runs of a matrix."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._entries import show_changes, show_entries
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED, ToolkitError

if TYPE_CHECKING:
    from toolkit.report.comparison import Comparison


@command("Device", 6)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@option("--x", metavar="FIGURE", help="To the right: latency, energy, flash, ram, … by default latency.")
@option("--y", metavar="FIGURE", help="Upwards: accuracy by default, where it is known.")
@option("-o", "--output", type=PATH, metavar="FILE", help="Write a page (.html) or the plot (.svg).")
@option("--only", multiple=True, metavar="PATTERN",
        help="Only models on targets that are called so: 'net*', '* on rp2040'; may be repeated.")  # fmt: skip
@option(
    "--runs", nargs=2, metavar="BEFORE AFTER", help="Show what changed between two runs: numbers, or last."
)
@option("--tolerance", type=click.FloatRange(0), default=0.05, show_default=True,
        help="With --runs: the fraction by which a measured figure may move.")  # fmt: skip
@option("--store", type=PATH, metavar="FILE",
        help="The results file; toolkit-results.sqlite where there is one.")  # fmt: skip
@option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 1024),
    help="How many bundles at a time; one for each core by default.",
)
@timeout_option(600)
@common
@click.pass_context
def compare(
    ctx: click.Context, sources: tuple[str, ...], x: str | None, y: str | None, only: tuple[str, ...],
    output: Path | None, runs: tuple[str, str] | None, tolerance: float, store: Path | None,
    jobs: int | None, timeout: float,
) -> None:  # fmt: skip
    """Compare bundles, projects, files of `toolkit bench --json` and results files, in one table.

    A results file stands for its last run, FILE#3 for its run 3. Bundles are benched now, unless the results file
    knows them. What nothing else beats in both figures at once, by more than the uncertainties, is on the Pareto front.
    """
    session: Session = ctx.obj
    store = store or _default_store()
    if runs:
        if len(sources) > 1:
            raise ToolkitError("--runs compares runs of one results file", fix="name that one only")
        store = Path(sources[0]) if sources else store
        if _show_runs(session, store, *runs, tolerance=tolerance):
            ctx.exit(CHECK_FAILED)
        return
    from toolkit.compare import metric
    from toolkit.compare import sources as found_in
    from toolkit.compare.entry import called
    from toolkit.report import comparison as comparisons

    if not sources:
        raise ToolkitError(
            "there is nothing to compare", fix="give bundles, or FILE.sqlite of `toolkit bench --all`"
        )
    axes = [metric.find(name) if name else None for name in (x, y)]
    with session.progress("bench") as progress:
        entries = found_in.load(
            sources, store, jobs=jobs or os.cpu_count() or 1, timeout_s=timeout, progress=progress
        )
    found = comparisons.choose(called(entries, only), *axes)
    picture = _write(found, output)
    session.result(_document(found) | ({"output": picture} if picture else {}))
    if not session.json:
        show_entries(session, found.entries, found.on_front(), f"{found.y.label} and {found.x.label}")
        for note in found.notes:
            session.console.print(note, style="yellow")
    if picture:
        session.say(f"wrote {picture}")
    else:
        session.next(f"toolkit compare {' '.join(sources)} -o compare.html")


def _default_store() -> Path | None:
    from toolkit.measure.matrix.results_file import FILE

    return Path(FILE) if Path(FILE).is_file() else None


def _write(found: Comparison, output: Path | None) -> str | None:
    from toolkit import atomic
    from toolkit.report import comparison as comparisons

    if output is None:
        return None
    if output.suffix == ".svg":
        picture = comparisons.picture(found)
        if not picture:
            raise ToolkitError(
                f"no source has both {found.x.name} and {found.y.name}", fix="choose others with --x and --y"
            )
        atomic.write_text(output, str(picture))
    else:
        comparisons.write(output, found)
    return str(output)


def _document(found: Comparison) -> dict[str, object]:
    from toolkit.compare.entry import names

    rows = [
        {"name": name, "model": entry.model, "target": entry.target, "ways": dict(entry.ways),
         "source": entry.source, "on_front": front,
         "figures": {key: asdict(figure) for key, figure in entry.figures.items()}}
        for name, entry, front in zip(names(found.entries), found.entries, found.on_front(), strict=True)
    ]  # fmt: skip
    return {"x": found.x.key, "y": found.y.key, "entries": rows, "notes": found.notes}


def _show_runs(session: Session, store: Path | None, before: str, after: str, *, tolerance: float) -> bool:
    """Show what changed and return whether something is worse."""
    from toolkit.measure.matrix.changes import between
    from toolkit.measure.matrix.results_file import FILE
    from toolkit.measure.matrix.store import Store

    with Store(store or Path(FILE), must_exist=True) as results:
        runs = [results.run(name) for name in (before, after)]
        (old, _), (new, failed) = map(results.entries, runs)
    changes = between(old, new, failed, tolerance=tolerance)
    worse = any(change.verdict == "worse" for change in changes)
    session.result(
        {"runs": [asdict(run) for run in runs], "tolerance": tolerance, "worse": worse,
         "changes": [change.to_json() for change in changes]}
    )  # fmt: skip
    if not session.json:
        show_changes(session, changes, f"run {runs[1].id} against run {runs[0].id}")
        for run in runs:
            if run.ended is None:
                session.console.print(f"run {run.id} was interrupted, or still goes on", style="yellow")
    return worse
