"""``toolkit energy``: energy of one run from a trace that a meter has recorded."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._group import command
from toolkit.cli._meter import settings
from toolkit.cli._options import PATH, common, option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.measure.energy.window_energy import RunEnergy


@command("Device", 6)
@click.argument("trace", type=PATH, metavar="TRACE")
@option("--runs", type=click.IntRange(min=1), required=True, metavar="N",
        help="How often the work was done in each marked window.")  # fmt: skip
@option("--meter-option", "meter_options", multiple=True, metavar="NAME=VALUE",
        help="How to read the trace: `toolkit meters recorded` lists options.")  # fmt: skip
@option("-o", "--output", type=PATH, metavar="FILE", help="Draw power and windows as a picture (SVG).")
@common
@click.pass_obj
def energy(
    session: Session, trace: Path, runs: int, meter_options: tuple[str, ...], output: Path | None
) -> None:
    """Take the energy of one run from TRACE, a .csv or .npz with times, currents and a column that marks windows.

    What comes before the first window is idle power, which is subtracted.
    """
    from toolkit import atomic
    from toolkit.measure import meters
    from toolkit.measure.energy import metered
    from toolkit.report.power import power

    with meters.make("recorded", str(trace), settings(meter_options)) as meter:
        meter.start()
        recorded = meter.stop()
        found, windows, idle = metered.of_trace(recorded, runs, meter.accuracy(), trace.name)
    if output is not None:
        atomic.write_text(output, power(trace.name, recorded, windows, idle))
    session.result(asdict(found))
    if not session.json:
        _show(session, found)
    session.next("toolkit bench DIR --port PORT --meter NAME")


def _show(session: Session, found: RunEnergy) -> None:
    from rich.table import Table

    from toolkit.report import words

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    for label, figure in (("energy", found.gross_uj), ("energy above idle", found.net_uj)):
        text = words.with_uncertainty(words.energy(figure.value), asdict(figure))
        table.add_row(label, text, figure.source)
    table.add_row("time", words.duration(found.seconds.value * 1e6), "of one run")
    table.add_row("power", f"{found.busy_w * 1e3:.4g} mW", f"{found.idle_w.value * 1e3:.4g} mW idle")
    session.console.print(table)
    for note in found.notes:
        session.console.print(note, style="dim")
