"""``toolkit targets``: the devices one can build for."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from toolkit.cli._group import command
from toolkit.cli._options import common
from toolkit.cli._session import Session

if TYPE_CHECKING:
    from toolkit.device.targets import Target


@command("Knowledge", 1)
@click.argument("name", required=False)
@common
@click.pass_obj
def targets(session: Session, name: str | None) -> None:
    """List the targets, or describe the one called NAME."""
    from toolkit.device.targets import load, names

    found = [load(each) for each in ([name] if name else names())]
    session.result({"targets": [_facts(target) for target in found]})
    if session.json:
        return
    if name:
        _describe(session, found[0])
    else:
        _table(session, found)
        session.next("toolkit export MODEL.pt2 --target NAME -o DIR")


def _facts(target: Target) -> dict[str, Any]:
    return {
        "name": target.name,
        "description": target.description,
        "family": target.family,
        "architecture": target.arch,
        "kernels": target.kernels,
        "flash_bytes": target.flash.bytes if target.flash else None,
        "ram_bytes": target.ram.bytes if target.ram else None,
        "stack_bytes": target.stack_bytes if target.bare_metal else None,
        "clock_hz": target.clock_hz,
        "compilers": list(target.compilers),
        "emulators": list(target.emulators),
        "cycles_source": target.cycles.source if target.cycles else None,
        "energy": asdict(target.energy) if target.energy else None,
        "mark": target.mark.pin if target.mark else None,
        "serial_driver": target.serial.driver if target.serial else None,
        "store_driver": target.store.driver if target.store else None,
        "image_formats": list(target.image.formats) if target.image else [],
        "usb": list(target.usb),
        "flashers": list(target.flashers),
        "folder": str(target.folder),
    }


def _table(session: Session, found: list[Target]) -> None:
    from rich.table import Table

    from toolkit.cli._words import in_bytes, in_hertz

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("target", "family"):
        table.add_column(heading, no_wrap=True)
    for heading in ("flash", "RAM", "clock"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("emulators", no_wrap=True)
    table.add_column("what it is")
    for target in found:
        table.add_row(
            target.name,
            "" if target.family == target.name else target.family,
            in_bytes(target.flash.bytes) if target.flash else "–",
            in_bytes(target.ram.bytes) if target.ram else "–",
            in_hertz(target.clock_hz),
            ", ".join(target.emulators),
            target.description,
        )
    session.console.print(table)


def _energy(target: Target) -> str:
    energy = target.energy
    if energy is None:
        return "none: no published current"
    return f"{energy.active_ma:g} mA at {energy.voltage:g} V: {energy.source}"


def _describe(session: Session, target: Target) -> None:
    from rich.table import Table

    from toolkit.cli._words import in_bytes, in_hertz

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    rows = [
        ("target", f"{target.name}: {target.description}"),
        ("family", target.family),
        ("core", f"{target.arch}, {target.kernels} kernels"),
        ("clock", in_hertz(target.clock_hz)),
        ("compilers", ", ".join(target.compilers) or "none here: only as a project"),
        ("emulators", ", ".join(target.emulators) or "none"),
        ("cycle estimates", target.cycles.source if target.cycles else "none: no published timings"),
    ]
    if target.flash and target.ram:
        regions = (("flash", target.flash), ("RAM", target.ram))
        memory = [(label, f"{in_bytes(region.bytes)} at {region.origin:#010x}") for label, region in regions]
        rows[3:3] = [*memory, ("stack", in_bytes(target.stack_bytes))]
    rows.append(("energy estimates", _energy(target)))
    if target.serial and target.serial.address:
        rows.append(("line", f"{target.serial.driver} at {target.serial.address:#010x}"))
        kept = target.store
        learns = f"kept by {kept.driver}, {in_bytes(kept.page_bytes)} erased at once" if kept else "not kept"
        rows.append(("what it learns", learns))
    if target.mark:
        rows.append(("marking pin", target.mark.pin))
    if target.image:
        rows.append(("files", ", ".join(target.image.formats)))
    if target.flashers:
        rows.append(("flashed by", ", ".join(target.flashers)))
    if target.usb:
        rows.append(("USB", ", ".join(target.usb)))
    rows.append(("folder", str(target.folder)))
    for label, text in rows:
        table.add_row(label, text)
    session.console.print(table)
    session.next(f"toolkit export MODEL.pt2 --target {target.name} -o DIR")
