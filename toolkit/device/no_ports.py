"""Why a board is not seen, and what to do about it on this system."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from pathlib import Path

from toolkit.errors import MISSING, ToolkitError

NAMES = {"serial": "serial port", "probe": "debug probe", "volume": "UF2 volume"}
_BUTTON = (
    "a UF2 boot loader: hold the board's BOOTSEL (or BOOT) button while you plug it in, or press reset twice"
)
_RULE_FILE = "/etc/udev/rules.d/70-edge-toolkit.rules"
_SYS_USB = Path("/sys/bus/usb/devices")
_STEPS = {  # by system and kind; Linux is the default
    "win32": {
        "serial": "see Device Manager: a port with a yellow sign needs its maker's driver (CP210x, CH34x, FTDI)",
        "probe": "see Device Manager: ST-LINK and J-Link need their makers' USB drivers",
        "volume": "see whether Explorer shows its drive",
    },
    "darwin": {
        "serial": "see `ls /dev/cu.*`; CP210x and CH34x chips on old macOS need their makers' drivers",
        "probe": "see System Information, USB",
        "volume": "see `ls /Volumes`",
    },
    "linux": {
        "serial": "a serial port: see `dmesg` after plugging it in; brltty may hold it: apt-get remove brltty",
        "probe": "a debug probe: let yourself use it: {udev}",
        "volume": "its drive must be mounted, as desktops do: udisksctl mount -b /dev/sdX1",
    },
}


def explain(kinds: Collection[str], wanted: Collection[str] = ()) -> str:
    """Return what to try when no device of ``kinds`` is there; ``wanted`` are USB ids (``2e8a:000a``) of the board."""
    seen = sorted(set(wanted) & usb_ids())
    steps = ["use a USB cable that carries data, not one that only charges"]
    if seen:
        steps = [f"the board is plugged in (USB {', '.join(seen)}), but this system lets nobody use it"]
    if "volume" in kinds:
        steps.append(_BUTTON)
    for kind in kinds:
        text = _STEPS.get(sys.platform, _STEPS["linux"])[kind]
        steps.append(text.replace("{udev}", udev_line(seen or sorted(wanted))))
    return "\n      ".join(steps)


def rights(ids: Collection[str]) -> str:
    """Return what lets the user of this machine use the USB devices ``ids``."""
    if sys.platform == "win32":
        return "give the device the WinUSB driver, with Zadig: https://zadig.akeo.ie"
    if sys.platform == "darwin":
        return "close what else uses it, and plug it out and in"
    return udev_line(ids)


def udev_line(ids: Collection[str]) -> str:
    """Return the command that lets every user of this Linux machine use the USB devices ``ids``."""
    vendors = sorted({usb_id.partition(":")[0] for usb_id in ids})
    rule = "; ".join(
        f'echo \'SUBSYSTEM=="usb", ATTR{{idVendor}}=="{vendor}", MODE="0666"\''
        for vendor in vendors or ["VID"]
    )
    unknown = "" if vendors else " (VID: the first number that `lsusb` shows of it)"
    return (
        f"({rule}) | sudo tee {_RULE_FILE} && sudo udevadm control --reload && sudo udevadm trigger{unknown}"
    )


def usb_ids(folder: Path = _SYS_USB) -> set[str]:
    """Return the USB ids of all that is plugged in, with a driver or not; Linux only, empty elsewhere."""
    found = set()
    for file in folder.glob("*/idVendor"):
        try:
            found.add(f"{file.read_text().strip()}:{(file.parent / 'idProduct').read_text().strip()}")
        except OSError:
            continue  # plugged out meanwhile
    return found


def check_access(port: str) -> None:
    """Raise ``ToolkitError`` (3) where ``port`` is a device that is not there or not this user's; URLs pass."""
    if sys.platform == "win32" or "://" in port:
        return
    file = Path(port)
    if not file.exists():
        raise ToolkitError(
            f"there is no serial port {port}", fix="see which there are: toolkit ports", exit_code=MISSING
        )
    if not os.access(file, os.R_OK | os.W_OK):
        raise ToolkitError(
            f"you may not use the serial port {port}", fix=_join_group(file), exit_code=MISSING
        )


def _join_group(file: Path) -> str:
    import grp

    try:
        group = grp.getgrgid(file.stat().st_gid).gr_name
    except (KeyError, OSError):
        group = "dialout"
    if group == "root":
        return f"sudo chmod 666 {file}"
    return f"sudo usermod -aG {group} $USER, then log out and in again"
