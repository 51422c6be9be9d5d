"""``toolkit deploy``: run a bundle on a computer or phone, over SSH or adb."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli._bundle import bundle_argument
from toolkit.cli._group import command
from toolkit.cli._options import PATH, common, option, timeout_option
from toolkit.cli._session import Session
from toolkit.errors import CHECK_FAILED, ToolkitError

if TYPE_CHECKING:
    from toolkit.device.remote.deploy import Deployed, Rehearsed
    from toolkit.device.remote.link import Link


@command("Device", 5)
@bundle_argument
@option("--host", metavar="[USER@]HOST", help="Over SSH, by keys; its own key must be known.")
@option("--adb", metavar="SERIAL", help="Over adb: a serial number, or `any` where there is one device.")
@option("-p", "--port", type=click.IntRange(1, 65535), metavar="N", help="Of the host's sshd.")
@option("--identity", type=PATH, metavar="FILE", help="The private key; those of ~/.ssh by default.")
@option("--known-hosts", type=PATH, metavar="FILE", help="Instead of ~/.ssh/known_hosts.")
@option("--path", metavar="DIR", help="The folder there, replaced as a whole; toolkit/NAME by default.")
@option("--runtime", "runtimes", metavar="NAME", multiple=True,
        help="Only this one: executorch, litert, onnx, c; all that the bundle has by default.")  # fmt: skip
@option("--python", metavar="PATH", default="python3", show_default=True,
        help="The Python there that has the runtimes: venv/bin/python.")  # fmt: skip
@option("--runs", type=click.IntRange(0, 100_000), default=100, show_default=True, metavar="N",
        help="How many runs to time.")  # fmt: skip
@option("--dry-run", is_flag=True, help="Build and pack, print the exact commands, and connect to nothing.")
@timeout_option(300)
@common
@click.pass_context
def deploy(
    ctx: click.Context,
    bundle: Path,
    host: str | None,
    adb: str | None,
    port: int | None,
    identity: Path | None,
    known_hosts: Path | None,
    path: str | None,
    runtimes: tuple[str, ...],
    python: str,
    runs: int,
    dry_run: bool,
    timeout: float,
) -> None:
    """Copy the bundle DIR to a device, run it there, and compare.

    Outputs are held against the golden ones; latency is measured by the device's clock. Exit code 1 where outputs
    differ by more than the manifest allows.
    """
    from toolkit.device.remote import adb as over_adb
    from toolkit.device.remote import ssh as over_ssh
    from toolkit.device.remote.deploy import deploy as send
    from toolkit.device.remote.deploy import rehearse

    session: Session = ctx.obj
    if (host is None) == (adb is None):
        raise ToolkitError("where to is not said, or twice", fix="give --host USER@HOST or --adb SERIAL")
    if dry_run:
        noted = (
            over_ssh.rehearsal(host, port, identity, known_hosts) if host else over_adb.rehearsal(str(adb))
        )
        _tell(session, rehearse(
            bundle, noted, path=path, runtimes=runtimes, python=python, repeat=runs, progress=session.say
        ))  # fmt: skip
        return
    session.say(f"connect to {host or adb}")
    link: Link = over_ssh.SshLink(host, port, identity, known_hosts) if host else over_adb.AdbLink(str(adb))
    try:
        done = send(
            bundle,
            link,
            path=path,
            runtimes=runtimes,
            python=python,
            repeat=runs,
            timeout_s=timeout,
            progress=session.say,
        )
    finally:
        link.close()
    session.result(done.to_json())
    if not session.json:
        _show(session, done)
    if not done.ok:
        ctx.exit(CHECK_FAILED)


def _tell(session: Session, plan: Rehearsed) -> None:
    session.result({**asdict(plan), "bytes": sum(plan.files.values())})
    if not session.json:
        click.echo("\n".join(plan.commands))
    session.say(
        f"{len(plan.files)} files of {sum(plan.files.values()):,} bytes lie in {plan.folder}; nothing was done"
    )


def _show(session: Session, done: Deployed) -> None:
    from rich.table import Table

    click.echo(f"{done.host}: {done.machine}, in {done.path}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", no_wrap=True)
    for heading in ("values that differ", "largest", "allowed", "median", "spread"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for each in done.ran:
        took = each.latency
        table.add_row(
            each.file,
            f"{each.differing:,} of {each.values:,}",
            f"{each.largest:.2g} {each.unit}".strip() if each.differing else "0",
            f"{each.bound:.2g} {each.unit}".strip() if each.bound >= 1 or not each.unit else "0",
            f"{took.median_us:,.3g} µs" if took else "–",
            f"{took.spread_us:,.2g} µs" if took else "–",
            "measured" if each.ok else "DIFFERS",
        )
    session.console.print(table)
    for absent in done.missing:
        click.echo(f"not run: {absent['file']} needs {absent['needs']}")
