"""Find boards: serial ports, debug probes and the drives that boot loaders show."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolkit.device import no_ports
from toolkit.device.targets import Target
from toolkit.errors import MISSING, ToolkitError

Kind = Literal["serial", "probe", "volume"]
KINDS: tuple[Kind, ...] = ("serial", "probe", "volume")
OPTIONS = {"serial": "--port", "probe": "--probe", "volume": "--volume"}
_PROBE_TIMEOUT_S = 20.0
_INFO = "INFO_UF2.TXT"
_INFO_BYTES = 4096


@dataclass(frozen=True)
class Device:
    """Something a board is reached by.

    ``address`` is what its option takes: a serial port's name, a probe's serial number, a drive's folder. ``usb_id`` is
    ``VID:PID`` in hexadecimal, ``board`` the ``Board-ID`` of a drive or the chip on a probe's board; both are empty
    where nobody says them.
    """

    kind: Kind
    address: str
    description: str
    usb_id: str = ""
    board: str = ""


def find(kinds: Sequence[Kind] = KINDS) -> list[Device]:
    """Return all devices of ``kinds`` that are plugged in; never waits for one."""
    finders = {"serial": serial_ports, "probe": probes, "volume": volumes}
    return [device for kind in kinds for device in finders[kind]()]


def serial_ports() -> list[Device]:
    """Return this machine's serial ports, those on USB first."""
    from serial.tools import list_ports

    found = []
    for port in list_ports.comports():
        usb_id = f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else ""
        description = port.description if port.description not in (None, "n/a") else "no USB device"
        found.append(Device("serial", port.device, description, usb_id))
    return sorted(found, key=lambda port: (not port.usb_id, port.address))


def probes() -> list[Device]:
    """Return the debug probes that pyOCD sees; none when pyOCD is not installed.

    Raises:
        ToolkitError: pyOCD hangs or fails (4).
    """
    from toolkit.device.flashers.pyocd import FLASHER

    command = FLASHER.program()
    if command is None:
        return []
    try:
        said = subprocess.run(
            [*command, "json", "--probes"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_TIMEOUT_S,
        ).stdout
        boards = json.loads(said)["boards"]
        return [_probe(board) for board in boards]
    except subprocess.TimeoutExpired as error:
        raise ToolkitError(
            f"pyOCD looks for probes for longer than {_PROBE_TIMEOUT_S:g} s",
            fix="plug the probe out and in again",
            exit_code=4,
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolkitError(
            f"pyOCD cannot list the probes: {error}", fix=f"run {' '.join(command)} list", exit_code=4
        ) from error


def _probe(board: dict[str, Any]) -> Device:
    target = str(board.get("target", ""))
    known = "" if target == "cortex_m" else target  # what pyOCD says of boards that it does not know
    return Device("probe", str(board["unique_id"]), str(board["info"])[:80], board=known)


def volumes() -> list[Device]:
    """Return the mounted drives of UF2 boot loaders: those with an ``INFO_UF2.TXT``."""
    return [device for folder in mounted() if (device := volume(folder)) is not None]


def volume(folder: Path) -> Device | None:
    """Return what ``folder``'s ``INFO_UF2.TXT`` says, or None where there is none."""
    try:
        with (folder / _INFO).open("rb") as stream:
            text = stream.read(_INFO_BYTES).decode("ascii", "replace")
    except OSError:
        return None
    said = dict(re.findall(r"^(Model|Board-ID):\s*(.*?)\s*$", text, re.MULTILINE))
    return Device("volume", str(folder), said.get("Model", "UF2 boot loader"), board=said.get("Board-ID", ""))


def mounted() -> list[Path]:
    """Return the folders at which removable drives may be mounted."""
    if sys.platform == "win32":
        import ctypes

        letters = ctypes.windll.kernel32.GetLogicalDrives()
        return [Path(f"{chr(65 + i)}:\\") for i in range(2, 26) if letters >> i & 1]
    if sys.platform == "darwin":
        return sorted(Path("/Volumes").glob("*"))
    try:
        lines = Path("/proc/self/mounts").read_text("utf-8", "replace").splitlines()
    except OSError:
        return []
    entries = [line.split() for line in lines]
    folders = [entry[1] for entry in entries if len(entry) > 2 and entry[2] in ("vfat", "msdos", "fuseblk")]
    return [Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), folder)) for folder in folders]


def choose(kind: Kind, target: Target | None, given: str | None = None, *, board: str = "") -> Device:
    """Return the one device of ``kind`` that can be ``target``, or any board when that is None.

    Args:
        kind: what is looked for.
        target: its ``[usb] ids`` say which devices can be it; where it has none, any on USB can.
        given: the address that the user gave; taken as it is.
        board: how the ``Board-ID`` of a drive begins, or what the drive is called; the chip that a probe is to have.

    Raises:
        ToolkitError: none is there (3); several could be meant, or none that is known to be this board (2).
    """
    if given:
        return Device(kind, given, "given")
    found = [device for device in find([kind]) if kind != "serial" or device.usb_id]
    candidates = [device for device in found if matches(device, target, board)]
    if len(candidates) == 1:
        return candidates[0]
    name = no_ports.NAMES[kind]
    listed = "\n      ".join(
        f"{OPTIONS[kind]} {device.address}  ({device.description})" for device in candidates or found
    )
    if candidates:
        can_be = f"can be {target.name}" if target else "are plugged in"
        raise ToolkitError(f"{len(candidates)} {name}s {can_be}", fix=f"choose one:\n      {listed}")
    if found and target:
        raise ToolkitError(
            f"no {name} is known to be {target.name}",
            fix=f"plug it in, or say that it is one of:\n      {listed}",
            exit_code=MISSING,
        )
    wanted = target.usb if target else ()
    raise ToolkitError(f"no {name} is plugged in", fix=no_ports.explain([kind], wanted), exit_code=MISSING)


def matches(device: Device, target: Target | None, board: str = "") -> bool:
    """Say whether ``device`` can be a board of this kind, or any board."""
    if device.kind == "serial":
        return device.usb_id in target.usb if target and target.usb else bool(device.usb_id)
    if device.kind == "volume":
        return device.board.lower().startswith(board.lower()) or board == Path(device.address).name
    # names of chips are of different lengths: stm32f411re, stm32f411retx
    return not device.board or device.board.startswith(board) or board.startswith(device.board)
