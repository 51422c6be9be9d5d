"""What ``toolkit export`` says of the files in a bundle for computers and phones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from toolkit.cli._session import Session


def show_files(session: Session, runtimes: dict[str, Any] | None) -> None:
    """Print one line for each file: its size, what its runtime computes, and what stayed on the processor."""
    if runtimes is None:
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("file", no_wrap=True)
    table.add_column("bytes", justify="right")
    table.add_column("values that differ", justify="right")
    table.add_column("largest", justify="right", no_wrap=True)
    table.add_column("allowed", justify="right", no_wrap=True)
    table.add_column("not delegated")
    for entry in runtimes["files"]:
        table.add_row(entry["file"], f"{entry['bytes']:,}", *_found(entry), ", ".join(entry["not_delegated"]))
    session.console.print(table)
    for entry in runtimes["files"]:
        if not entry["run_here"]:
            click.echo(f"not run here: {entry['file']}: {entry['not_run_here']}")
    for entry in runtimes["left_out"]:
        click.echo(f"left out: {entry['file']}: {entry['why']}")


def _found(entry: dict[str, Any]) -> tuple[str, str, str]:
    allowed = (
        f"{entry['bound']:.2g} {entry['unit']}".strip() if entry["bound"] >= 1 or not entry["unit"] else "0"
    )
    if not entry["run_here"]:
        return "not run here", "", allowed
    largest = f"{entry['largest']:.2g} {entry['unit']}".strip() if entry["differing"] else "0"
    return f"{entry['differing']:,} of {entry['values']:,}", largest, allowed
