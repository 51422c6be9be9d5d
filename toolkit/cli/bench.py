"""``toolkit bench``: what one inference costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._bundle import bundle_argument, emulator_option, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import common, option, timeout_option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.measure.bench import BenchResult, LayerCost


@command("Device", 4)
@bundle_argument
@option(
    "--blocks",
    is_flag=True,
    help="Of a whole block of elements: the bundle was exported with --prompt-block.",
)
@emulator_option
@toolchain_option
@timeout_option(120)
@common
@click.pass_obj
def bench(
    session: Session, bundle: Path, blocks: bool, emulator: str | None, toolchain: str | None, timeout: float
) -> None:
    """Count what the bundle DIR takes: instructions by layer, flash, RAM; estimate cycles, time, energy."""
    from toolkit.measure import bench as measure

    result = measure.bench(bundle, emulator=emulator, toolchain=toolchain, blocks=blocks, timeout_s=timeout)
    session.result(result.to_json())
    if not session.json:
        _layers(session, result)
        _totals(session, result)
    session.next(f"toolkit report {bundle}")


def _layers(session: Session, result: BenchResult) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", no_wrap=True, overflow="ellipsis")
    table.add_column("operator", no_wrap=True)
    spiking = any(layer.spikes is not None for layer in result.layers)
    cycles = "cycles" if result.cycles and result.cycles.kind == "counted" else "est. cycles"
    last = ("spikes", "syn. ops") if spiking else ("share", cycles)
    for heading in ("MACs", "instructions", "instr/MAC", *last):
        table.add_column(heading, justify="right", no_wrap=True)
    total = result.instructions.value if result.instructions else 0
    for layer in result.layers:
        table.add_row(
            layer.name,
            layer.op,
            f"{layer.macs:,}" if layer.macs else "–",
            _count(layer.instructions),
            f"{layer.instructions_per_mac:.2f}" if layer.instructions_per_mac is not None else "–",
            *(_spikes(layer) if spiking else _shares(layer, total)),
        )
    session.console.print(table)


def _shares(layer: LayerCost, total: float) -> tuple[str, str]:
    share = f"{layer.instructions / total:.1%}" if layer.instructions is not None and total else "–"
    return share, _count(layer.cycles)


def _spikes(layer: LayerCost) -> tuple[str, str]:
    if layer.spikes is None or not layer.neurons:
        return "–", _count(layer.synaptic_operations)
    return f"{_count(layer.spikes)} ({layer.spikes / layer.neurons:.0%})", "–"


def _totals(session: Session, result: BenchResult) -> None:
    from rich.table import Table

    from toolkit.report.words import cost, memory

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for figure in (*cost(result.to_json()), *memory(result.to_json())):
        table.add_row(figure.label, figure.text, figure.kind, figure.source)
    session.console.print()
    session.console.print(table)
    for note in result.notes:
        session.console.print(note, style="dim")


def _count(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
