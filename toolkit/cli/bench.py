"""``toolkit bench``: what one inference costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._bundle import bundle_argument, emulator_option, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._meter import Wanted, meter_options
from toolkit.cli._options import common, option, port_options, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import ToolkitError

if TYPE_CHECKING:
    from toolkit.device.serial_line import Line
    from toolkit.measure.bench_result import BenchResult, LayerCost
    from toolkit.measure.figure import Figure


@command("Device", 4)
@bundle_argument
@option(
    "--blocks",
    is_flag=True,
    help="Of a whole block of elements: the bundle was exported with --prompt-block.",
)
@port_options
@option("--window", type=click.FloatRange(0, 60, min_open=True), default=1.0, show_default=True,
        metavar="SECONDS", help="With --port or --meter: how long each window should last.")  # fmt: skip
@option("--windows", type=click.IntRange(1, 1000), default=5, show_default=True, metavar="N",
        help="With --port or --meter: how many windows.")  # fmt: skip
@meter_options
@emulator_option
@toolchain_option
@timeout_option(120)
@common
@click.pass_obj
def bench(
    session: Session,
    bundle: Path,
    blocks: bool,
    port: str | None,
    baud: int,
    window: float,
    windows: int,
    meter: Wanted | None,
    emulator: str | None,
    toolchain: str | None,
    timeout: float,
) -> None:
    """Count what the bundle DIR takes: instructions by layer, flash, RAM; estimate cycles, time, energy.

    With --port, a board that runs its firmware measures time and cycles itself; with --meter, energy is measured, too,
    of such a board or of this machine.
    """
    from toolkit.measure import bench as measure

    if meter is not None or port is not None:
        _refuse(blocks=blocks, emulator=emulator)
        result = _on_board(session, bundle, port, baud, window, windows, meter, toolchain, timeout)
    else:
        result = measure.bench(
            bundle, emulator=emulator, toolchain=toolchain, blocks=blocks, timeout_s=timeout
        )
    session.result(result.to_json())
    if not session.json:
        _layers(session, result)
        _totals(session, result)
    session.next(f"toolkit report {bundle}")


def _refuse(**options: object) -> None:
    for name, value in options.items():
        if value:
            raise ToolkitError(f"--{name} is not for a board", at="toolkit bench --port", fix="leave it out")


def _on_board(
    session: Session,
    bundle: Path,
    port: str | None,
    baud: int,
    window: float,
    windows: int,
    meter: Wanted | None,
    toolchain: str | None,
    timeout: float,
) -> BenchResult:
    from contextlib import ExitStack

    from toolkit.device.serial_link import SerialLink
    from toolkit.measure.board import bench_board

    with ExitStack() as opened:
        metering = opened.enter_context(meter.opened()) if meter else None  # first: it may feed the board
        line = port or _this_machine(bundle, toolchain)
        patience_s = min(timeout, 10.0) if port else timeout  # this machine has other things to do, too
        link = opened.enter_context(SerialLink(line, baud=baud, timeout_s=patience_s))
        return bench_board(
            bundle, link, window_s=window, windows=windows, toolchain=toolchain, metering=metering,
            progress=session.detail,
        )  # fmt: skip


def _this_machine(bundle: Path, toolchain: str | None) -> Line:
    """Start the bundle's program here. Raises ``ToolkitError`` when it is one for a board."""
    from toolkit.device import targets
    from toolkit.device.build import build, read_manifest
    from toolkit.device.emulators.native import runs_here
    from toolkit.device.local_program import LocalProgram

    target = targets.load(read_manifest(bundle)["target"])
    if target.bare_metal or not runs_here(target.arch):
        raise ToolkitError(
            f"{target.name} is not this machine",
            at=str(bundle),
            fix="add --port, the serial port of the board",
        )
    return LocalProgram(build(bundle, toolchain=toolchain, serial=True).path)


def _layers(session: Session, result: BenchResult) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("layer", no_wrap=True, overflow="ellipsis")
    table.add_column("operator", no_wrap=True)
    spiking = any(layer.spikes is not None for layer in result.layers)
    on_board = result.instructions is None and result.cycles is not None
    counted = result.cycles is not None and result.cycles.kind != "estimated"
    last = ("spikes", "syn. ops") if spiking else ("share", "cycles" if counted else "est. cycles")
    for heading in ("MACs", "instructions", "instr/MAC", *last):
        table.add_column(heading, justify="right", no_wrap=True)
    whole = result.cycles if on_board else result.instructions
    for layer in result.layers:
        table.add_row(
            layer.name,
            layer.op,
            f"{layer.macs:,}" if layer.macs else "–",
            _count(layer.instructions),
            f"{layer.instructions_per_mac:.2f}" if layer.instructions_per_mac is not None else "–",
            *(_spikes(layer) if spiking else _shares(layer, whole)),
        )
    session.console.print(table)


def _shares(layer: LayerCost, whole: Figure | None) -> tuple[str, str]:
    part = layer.cycles if layer.instructions is None else layer.instructions
    share = f"{part / whole.value:.1%}" if part is not None and whole is not None and whole.value else "–"
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
