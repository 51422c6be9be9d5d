"""``toolkit ports``: what boards are reached by."""

from __future__ import annotations

from dataclasses import asdict

import click

from toolkit.cli._group import command
from toolkit.cli._options import common, option
from toolkit.cli._session import Session
from toolkit.errors import MISSING, ToolkitError


@command("Device", 4)
@option("-t", "--target", metavar="NAME", help="Only what can be this board.")
@common
@click.pass_obj
def ports(session: Session, target: str | None) -> None:
    """List serial ports, debug probes and drives of UF2 boot loaders, and the boards that each can be.

    Exit code 3 when no board is plugged in, with what to do about it.
    """
    from toolkit.device import no_ports, targets
    from toolkit.device import ports as device

    wanted = targets.load(target) if target else None
    boards = [board for board in map(targets.load, targets.names()) if board.usb]
    rows = []
    for found in device.find():
        if wanted is None or device.matches(found, wanted):
            can_be = [board.name for board in boards if found.usb_id in board.usb]
            rows.append({**asdict(found), "option": device.OPTIONS[found.kind], "boards": can_be})
    session.result({"devices": rows})
    if not session.json:
        _show(session, rows)
    if not any(row["usb_id"] or row["kind"] != "serial" for row in rows):
        raise ToolkitError(
            f"nothing that can be {wanted.name} is plugged in" if wanted else "no board is plugged in",
            fix=no_ports.explain(device.KINDS, wanted.usb if wanted else ()),
            exit_code=MISSING,
        )
    session.next("toolkit flash DIR")


def _show(session: Session, rows: list[dict[str, object]]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("option", "what", "USB", "can be"):
        table.add_column(title, no_wrap=title != "can be")
    for row in rows:
        boards = row["boards"]
        assert isinstance(boards, list)
        table.add_row(
            f"{row['option']} {row['address']}",
            str(row["description"]),
            str(row["usb_id"]),
            ", ".join(boards) or str(row["board"]),
        )
    if rows:
        session.console.print(table)
