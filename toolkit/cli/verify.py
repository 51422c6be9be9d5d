"""``toolkit verify``: prove that the device computes what the reference computes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._bundle import bundle_argument, emulator_option, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import common, option, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED

if TYPE_CHECKING:
    from toolkit.verify.difference import VerifyResult


@command("Device", 3)
@bundle_argument
@option("--fresh", type=click.IntRange(0), default=16, show_default=True, metavar="N",
        help="Random samples beside the golden ones.")  # fmt: skip
@option(
    "--seed",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    metavar="N",
    help="Seed of the random samples.",
)
@option("--no-host", is_flag=True, help="Do not run the same C on this machine as well.")
@emulator_option
@toolchain_option
@timeout_option(120)
@common
@click.pass_context
def verify(
    ctx: click.Context,
    bundle: Path,
    fresh: int,
    seed: int,
    no_host: bool,
    emulator: str | None,
    toolchain: str | None,
    timeout: float,
) -> None:
    """Compare reference, host C and target to the bit, on golden and fresh data.

    Any difference is exit code 1, with the first layer that differs.
    """
    from toolkit.verify.verify import verify as compare

    session: Session = ctx.obj
    result = compare(
        bundle,
        emulator=emulator,
        toolchain=toolchain,
        fresh=fresh,
        seed=seed,
        host=not no_host,
        timeout_s=timeout,
        progress=session.detail,
    )
    session.result(result.to_json())
    if not session.json:
        _show(session, result)
    if not result.ok:
        ctx.exit(CHECK_FAILED)
    session.next(f"toolkit bench {bundle}")


def _show(session: Session, result: VerifyResult) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("against the reference", no_wrap=True)
    for heading in ("samples", "values", "differ", "largest"):
        table.add_column(heading, justify="right")
    for found in result.comparisons:
        largest = f"{found.largest:g}" if found.differing else "–"
        table.add_row(
            found.device, f"{found.samples:,}", f"{found.values:,}", f"{found.differing:,}", largest
        )
    session.console.print(table)
    for told in result.information:
        click.echo(
            f"for information: {told.differing:,} of {told.values:,} values differ from {told.device}, "
            f"which round otherwise, by {told.largest:g} at most"
        )
    for note in result.notes:
        click.echo(note)
    first = result.first_difference
    if first is None:
        click.echo("verified: every output is equal, to the bit" if result.exact else "verified: within 1e-4")
        return
    click.echo(f"DIFFERS: {first.device}, sample {first.sample}, value {first.index}: "
               f"{first.got:g} where the reference has {first.expected:g}")  # fmt: skip
    click.echo(
        f"  first layer that differs: {first.layer}"
        if first.layer
        else "  no single layer differs when traced"
    )
