"""Raspberry Pi's Pico boards that wait in BOOTSEL, through Raspberry Pi's own tool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.errors import MISSING


class Picotool(Flasher):
    """No keys. Writes the UF2 file, reads it back (``-v``) and starts it (``-x``)."""

    name = "picotool"
    command = "picotool"
    formats = ("uf2", "elf")
    on_linux = "apt-get install picotool (newer Debian and Ubuntu); without it, use --flasher uf2"
    on_macos = "brew install picotool"
    on_windows = (
        "download https://github.com/raspberrypi/pico-sdk-tools/releases; without it, use --flasher uf2"
    )
    proof = "OK"
    failures = (
        Failure(
            r"unable to connect|Unable to access device|check your permissions",
            "you may not use the Pico that waits in BOOTSEL",
            "{rights}; or use --flasher uf2, which needs no rights",
            MISSING,
        ),
        Failure(
            r"No accessible RP\S* device|no accessible RP|No RP\S* device",
            "no Pico waits in BOOTSEL on USB",
            "hold BOOTSEL while you plug it in",
            MISSING,
        ),
        Failure(
            r"[Mm]ultiple RP|[Mm]ore than one",
            "several Picos wait in BOOTSEL on USB",
            "unplug all but one, or choose one with --probe SERIAL: picotool info -a lists them",
            exit_code=2,
        ),
        Failure(
            r"[Ff]amily ID|not compatible|incompatible",
            "the image is for another chip than the one that is plugged in",
            "export for the board that is plugged in: rp2040 is the Pico, rp2350 the Pico 2",
        ),
        Failure(
            r"differs|[Vv]erif\w+ fail|did not match",
            "what was read back from the board is not what was written",
            "flash again; with the same result, the flash chip is worn out",
            again=True,
        ),
        Failure(r"ERROR", "the line to the board broke", "plug it in again with BOOTSEL held", again=True),
    )

    def presence(self, settings: Mapping[str, Any], given: str | None) -> list[str] | None:
        """See ``Flasher.presence``."""
        return [*self.called(), "info", *_serial(given)]

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``."""
        given = job.device.address if job.device else None
        return [[*self.called(), "load", "-v", "-x", str(job.file), *_serial(given)]]


def _serial(given: str | None) -> tuple[str, ...]:
    return ("--ser", given) if given else ()


FLASHER = Picotool()
