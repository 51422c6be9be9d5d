"""Put a bundle's firmware on a board: find it, build, write, verify, and ask the board who it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.device import flashers, images, ports, targets
from toolkit.device.build import build, read_manifest
from toolkit.device.firmware import board_name
from toolkit.device.flashers.base import Flasher, Job
from toolkit.device.flashers.emulator import Emulator
from toolkit.device.serial_link import SerialLink
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, MISSING, ToolkitError

_PORT_COMES_S = 3.0  # a board that has restarted shows its port again within so long
_ANSWER_S = 6.0


@dataclass(frozen=True)
class Where:
    """What the user says of the board: serial port, serial number of the probe, folder of the UF2 drive."""

    port: str | None = None
    probe: str | None = None
    volume: str | None = None

    def for_tool(self, flasher: Flasher) -> str | None:
        """Return what ``flasher`` reaches a board by."""
        return {"serial": self.port, "volume": self.volume, "probe": self.probe, None: self.probe}[
            flasher.kind
        ]


@dataclass(frozen=True)
class Flashed:
    """What was done, or with a dry run would be.

    ``name`` is what the board answers, where a ``port`` is known; ``note`` says why it is not.
    """

    target: str
    flasher: str
    file: Path
    commands: list[str]
    written: bool
    port: str | None = None
    name: str | None = None
    note: str | None = None
    stop: str | None = None  # the command that switches an emulated board off
    seconds: float = 0.0


def flash(
    bundle: Path,
    *,
    where: Where = Where(),
    flasher: str | None = None,
    toolchain: str | None = None,
    dry_run: bool = False,
    timeout_s: float = 120.0,
    say: Callable[[str], None] = lambda line: None,
) -> Flashed:
    """Write ``bundle``'s serial firmware to its board and verify it.

    Args:
        bundle: folder that ``toolkit export`` wrote, for a board.
        where: which board, where several could be meant.
        flasher: one of the target's; by default the first one that is installed.
        toolchain: that builds the firmware.
        dry_run: only build, and say what would be done.
        timeout_s: for writing and verifying together.
        say: gets what the tools say, line by line.

    Raises:
        ToolkitError: no board or tool is there (3); several boards could be meant, or the target cannot be flashed
            (2); the board does not take the program, or does not answer (4).
    """
    manifest = read_manifest(bundle)
    target = targets.load(str(manifest["target"]))
    if target.flashers and (target.image is None or target.serial is None):
        raise ToolkitError(
            f"there is no firmware for {target.name} that serves a model",
            fix="export a project of the board's own tools, and flash it with those: toolkit export --project NAME "
            "(docs/projects.md)",
        )
    tool = flashers.choose(target, flasher, installed=not dry_run)
    settings = tool.check(target)
    device = _device(tool, target, settings, where.for_tool(tool), dry_run)
    image = build(bundle, serial=True, toolchain=toolchain)
    files = {"elf": image.path, **images.make(image, target)}
    job = Job(target, image.path, _file(tool, target, files), settings, device)
    if dry_run:
        return Flashed(target.name, tool.name, job.file, tool.plan(job), False)
    began = time.monotonic()
    new_port = tool.flash(job, timeout_s, say)
    seconds = time.monotonic() - began
    found = None if new_port or where.port else _port_of(target, device)
    port = new_port or where.port or found
    name = note = None
    if port is not None:
        try:
            name = ask_name(port, board_name(manifest))
        except ToolkitError as error:
            if found is None:
                raise
            port, note = None, f"{error.what}; {error.fix}"  # it may not be the board's serial line at all
    stop = tool.stop_line(job) if isinstance(tool, Emulator) else None
    return Flashed(target.name, tool.name, job.file, tool.plan(job), True, port, name, note, stop, seconds)


def _device(
    tool: Flasher, target: Target, settings: Mapping[str, Any], given: str | None, dry_run: bool
) -> ports.Device | None:
    """Return what the board is reached by; with ``dry_run`` a placeholder where nothing is plugged in."""
    if dry_run and tool.kind is None:
        return ports.Device("probe", given, "given") if given else None
    try:
        return tool.find(target, settings, given)
    except ToolkitError as error:
        if not dry_run or error.exit_code != MISSING or tool.kind is None:
            raise
        return ports.Device(tool.kind, given or ports.OPTIONS[tool.kind].strip("-").upper(), "not there")


def _file(tool: Flasher, target: Target, files: dict[str, Path]) -> Path:
    for kind in tool.formats:
        if kind in files:
            return files[kind]
    raise ToolkitError(
        f"{tool.name} wants a file of the kind {tool.formats[0]}, which is not made for {target.name}",
        at=str(target.folder / "target.toml"),
        fix=f'add "{tool.formats[0]}" to formats of [image]',
    )


def _port_of(target: Target, device: ports.Device | None) -> str | None:
    """Return the serial port that can be the board's, which may take a moment to come back; else None."""
    if device is not None and device.kind == "serial":
        return device.address
    deadline = time.monotonic() + _PORT_COMES_S
    while target.usb:
        found = [port for port in ports.serial_ports() if ports.matches(port, target)]
        if found or time.monotonic() > deadline:
            return found[0].address if len(found) == 1 else None
        time.sleep(0.1)
    return None


def ask_name(port: str, expected: str) -> str:
    """Return what the firmware behind ``port`` says that it is: ``expected``.

    Raises:
        ToolkitError: nobody answers, or another model does (4).
    """
    fix = "press reset, and see which port has the board's serial line: docs/flashing.md"
    try:
        with SerialLink(port, timeout_s=_ANSWER_S) as link:
            name = link.value("name", "name-dut")
    except ToolkitError as error:
        what = f"the program is written and verified, and nobody answers on {port}: {error.what}"
        raise ToolkitError(what, fix=fix, exit_code=DEVICE) from error
    if name != expected:
        what = f"the program is written and verified, and the board on {port} runs {name!r}, not {expected!r}"
        raise ToolkitError(what, fix=fix, exit_code=DEVICE)
    return name
