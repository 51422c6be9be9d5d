"""AVR boards: Arduino's boot loader on a serial port, or a programmer on USB."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.device.ports import Device
from toolkit.device.targets import Target
from toolkit.device.toml import Table
from toolkit.errors import MISSING

_ON_SERIAL_PORT = (
    "arduino",
    "wiring",
    "stk500v1",
    "stk500v2",
    "avr109",
    "urclock",
    "serialupdi",
    "jtag2updi",
)


class Avrdude(Flasher):
    """``part`` (``atmega328p``) and ``programmer`` (``arduino``) as avrdude names them; ``baud`` on a serial port."""

    name = "avrdude"
    command = "avrdude"
    formats = ("hex",)
    kind = "serial"
    on_linux = "apt-get install avrdude"
    on_macos = "brew install avrdude"
    on_windows = "download https://github.com/avrdudes/avrdude/releases and put it into PATH"
    proof = "verified"
    failures = (
        Failure(
            r"cannot find USB device|[Dd]id not find any USB device|usbdev_open",
            "avrdude finds no programmer",
            "{absent}",
            MISSING,
        ),
        Failure(
            r"(cannot|can't) open (port|device)",
            "the serial port {address} cannot be opened: it is not there, not yours, or another program has it",
            "close the serial monitor, and see which ports there are: toolkit ports",
            MISSING,
        ),
        Failure(
            r"expected signature|double check chip|differs in signature|signature does not match",
            "the chip on {address} is not the one that the model was exported for",
            "export for the chip that the board has, or choose the other board with --port",
        ),
        Failure(
            r"(?s)[Ww]riting.*(not responding|Input/output error)",
            "the board on {address} stopped answering in the middle of it",
            "check cable and power, and flash again",
            again=True,
        ),
        Failure(
            r"verification (error|mismatch)|first mismatch|content mismatch",
            "what was read back from the board on {address} is not what was written",
            "flash again; with the same result, the flash of the chip is worn out",
            again=True,
        ),
        Failure(
            r"not in sync|not responding|unable to (read|open)|timeout|did not respond",
            "no boot loader answers on {address}",
            "press reset just before; check that it is the right port, and baud of [flashers.avrdude] "
            "(old Nanos: 57600)",
        ),
    )

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        settings: dict[str, Any] = {"part": table.text("part"), "programmer": table.text("programmer")}
        if settings["programmer"] in _ON_SERIAL_PORT:
            settings["baud"] = table.integer("baud", 300, 4_000_000)
        return settings

    def find(self, target: Target, settings: Mapping[str, Any], given: str | None) -> Device | None:
        """See ``Flasher.find``; a programmer on USB is avrdude's to find."""
        return super().find(target, settings, given) if "baud" in settings else None

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``. avrdude reads back what it wrote."""
        command = [*self.called(), "-p", job.settings["part"], "-c", job.settings["programmer"]]
        if "baud" in job.settings:
            assert job.device is not None
            # -D: a boot loader erases page by page as it writes
            command += ["-P", job.device.address, "-b", str(job.settings["baud"]), "-D"]
        if job.settings["programmer"] == "arduino":
            command += ["-x", "attempts=3"]  # of ten, which take a minute
        return [[*command, "-U", f"flash:w:{job.file}:i"]]


FLASHER = Avrdude()
