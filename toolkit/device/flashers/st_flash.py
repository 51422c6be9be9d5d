"""STM32 boards with an ST-LINK, through the open tools of stlink."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.errors import MISSING


class StFlash(Flasher):
    """No keys: st-flash knows the chip by its id."""

    name = "st-flash"
    command = "st-flash"
    formats = ("hex",)
    on_linux = "apt-get install stlink-tools"
    on_macos = "brew install stlink"
    on_windows = "download https://github.com/stlink-org/stlink/releases and put its bin folder into PATH"
    proof = "(?i)verified"
    failures = (
        Failure(
            r"Couldn't find any ST-?Link|No ST-?Link device|Found 0 stlink",
            "st-flash finds no ST-LINK",
            "{absent}",
            MISSING,
        ),
        Failure(
            r"LIBUSB_ERROR_ACCESS|Permission denied|[Cc]ouldn't open|Could not open USB",
            "you may not use the ST-LINK",
            "{rights}",
            MISSING,
        ),
        Failure(
            r"[Vv]erification of flash failed|Flash memory is write protected|Failed to verify",
            "what was read back from the board is not what was written",
            "flash again; with the same result, the flash is protected: see st-flash --area=option",
            again=True,
        ),
        Failure(
            r"Failed to unlock flash|Flash programming error|page erase failed|Failed to erase|loader_run.*failed",
            "the chip does not take the program into its flash",
            "flash again; with the same result, take the protection away: see st-flash --area=option",
            again=True,
        ),
        Failure(
            r"unknown chip id|Failed to (connect|enter SWD|read core_id)|Soft reset failed|NRST is not connected",
            "the ST-LINK gets no answer from the chip",
            "check the chip's power and the wires of SWD; hold reset while it begins",
            again=True,
        ),
    )

    def presence(self, settings: Mapping[str, Any], given: str | None) -> list[str] | None:
        """See ``Flasher.presence``: writing nothing at all ends at once where there is no ST-LINK."""
        return [*self.called(), *_serial(given), "reset"]

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``. st-flash reads back what it wrote."""
        given = job.device.address if job.device else None
        return [
            [*self.called(), *_serial(given), "--reset", "--format", "ihex", "write", str(job.file)],
        ]


def _serial(given: str | None) -> tuple[str, ...]:
    return ("--serial", given) if given else ()


FLASHER = StFlash()
