"""``toolkit finetune``: a board learns what has changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._bundle import emulator_option, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, timeout_option
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.finetune import Comparison


@command("Device", 6)
@option("--dataset", default="digits", show_default=True, metavar="NAME", help="Whose world changes.")
@option("-m", "--method", "names", multiple=True, metavar="NAME",
        help="A way to learn, or a rule's name; may be repeated.  [default: all that need little memory]")  # fmt: skip
@option("-n", "--steps", type=click.IntRange(1, 100_000), default=600, show_default=True,
        help="How many samples the board learns from.")  # fmt: skip
@option("--tests", type=click.IntRange(1, 100_000), default=200, show_default=True,
        help="How many samples it is tested with before, after, and after a reset.")  # fmt: skip
@option("--rate", type=click.FloatRange(0, 1e6, min_open=True),
        help="Learning rate of all methods; each its own by default.")  # fmt: skip
@option("--int8", is_flag=True,
        help="Quantize the model first; what is learnt stays float32.")  # fmt: skip
@option("--seed", type=click.IntRange(0), default=0, show_default=True,
        help="Of first weights and of the order of samples.")  # fmt: skip
@option("-t", "--target", default="mps2-an386", show_default=True, metavar="NAME",
        help="A board with a serial line.")  # fmt: skip
@option("-o", "--output", type=PATH, default=Path("build/finetune"), show_default=True, metavar="DIR",
        help="Where page, figures and bundles go.")  # fmt: skip
@emulator_option
@toolchain_option
@timeout_option(60)
@common
@click.pass_obj
def finetune(
    session: Session,
    dataset: str,
    names: tuple[str, ...],
    steps: int,
    tests: int,
    rate: float | None,
    int8: bool,
    seed: int,
    target: str,
    output: Path,
    emulator: str | None,
    toolchain: str | None,
    timeout: float,
) -> None:
    """Let an emulated board train itself when its world has changed, and compare ways to do it.

    A model is trained here and runs on the board. Samples of the changed world go over the serial line, and the board
    learns from each once. It reports accuracy before, meanwhile, after, and after its power was cut.
    """
    import json
    from dataclasses import replace

    from toolkit import atomic
    from toolkit import finetune as library
    from toolkit.finetune import page

    methods = [library.method(name) for name in dict.fromkeys(names or library.side_by_side())]
    if rate is not None:
        methods = [replace(method, rate=rate) for method in methods]
    world = library.load(dataset, steps=steps, tests=tests, seed=seed)
    output.mkdir(parents=True, exist_ok=True)
    found = library.finetune(
        world,
        methods,
        output,
        target=target,
        emulator=emulator,
        toolchain=toolchain,
        int8=int8,
        seed=seed,
        timeout_s=timeout,
        progress=session.say,
    )
    document = found.to_json()
    atomic.write_text(output / "finetune.json", json.dumps({"schema": 1, **document}, indent=1) + "\n")
    written = page.write(output / "finetune.html", found, dataset)
    session.result({**document, "page": str(written)})
    if not session.json:
        _show(session, found)
    session.next(f"open {written} in a browser")


def _show(session: Session, found: Comparison) -> None:
    from rich.table import Table

    from toolkit.report.words import energy

    click.echo(f"trained here: {found.here:.1%} right; then the world changed: {found.change}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("method", no_wrap=True)
    shares = ("before", "meanwhile", "after", "reset")
    for heading in (*shares, "instr/step", "instr/answer", "est. energy", "RAM", "learnt"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found.outcomes:
        meanwhile = sum(row.during) / len(row.during)
        table.add_row(
            row.method,
            *(f"{share:.1%}" for share in (row.before, meanwhile, row.after, row.after_reset)),
            f"{row.step.instructions:,.0f}",
            f"{row.answer.instructions:,.0f}",
            energy(row.step.energy_uj) if row.step.energy_uj is not None else "–",
            f"{row.memory.ram_bytes:,} B",
            f"{row.memory.state_bytes:,} B",
        )
    session.console.print(table)
    session.console.print(f"energy: {found.energy_source or 'no estimate'}", style="dim")
