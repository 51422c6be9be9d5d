"""``toolkit flash``: write a bundle's firmware to a board."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from toolkit.cli._bundle import bundle_argument, toolchain_option
from toolkit.cli._group import command
from toolkit.cli._options import common, option, timeout_option
from toolkit.cli._session import Session


@command("Device", 5)
@bundle_argument
@option("-p", "--port", metavar="PORT", help="Serial port of the board; found by its USB id by default.")
@option("--probe", metavar="SERIAL", help="Serial number of the debug probe, where several are plugged in.")
@option("--volume", metavar="FOLDER", help="Drive of a UF2 boot loader, where several are mounted.")
@option("--flasher", metavar="NAME", help="pyocd, esptool, uf2, …: one that the target lists.")
@toolchain_option
@option("--dry-run", is_flag=True, help="Build, print the exact commands, and write nothing to a board.")
@timeout_option(120)
@common
@click.pass_obj
def flash(
    session: Session,
    bundle: Path,
    port: str | None,
    probe: str | None,
    volume: str | None,
    flasher: str | None,
    toolchain: str | None,
    dry_run: bool,
    timeout: float,
) -> None:
    """Write the firmware of the bundle DIR to its board, verify it, and ask the board its name.

    Builds the firmware first when needed. The board is found by what is plugged in; `toolkit ports` shows that.
    """
    from toolkit.device import flash as device

    done = device.flash(
        bundle,
        where=device.Where(port, probe, volume),
        flasher=flasher,
        toolchain=toolchain,
        dry_run=dry_run,
        timeout_s=timeout,
        say=session.detail,
    )
    session.result(asdict(done))
    if session.json:
        return
    if dry_run:
        click.echo("\n".join(done.commands))
        session.next(f"toolkit flash {bundle}")
        return
    click.echo(f"flashed {done.file} to {done.target} with {done.flasher} in {done.seconds:.1f} s")
    if done.name:
        click.echo(f"  the board on {done.port} answers: it is {done.name}")
    if done.note:
        session.say(f"  {done.note}")
    if done.stop:
        click.echo(f"  it stays up until you stop it: {done.stop}")
    session.next(f"toolkit bench {bundle} --port {done.port or 'PORT'}")
