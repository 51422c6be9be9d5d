"""Chips whose boot ROM speaks USB DFU with ST's extensions (DfuSe): STM32 and its kin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.device.flashers.process import Say
from toolkit.device.toml import Table
from toolkit.errors import DEVICE, MISSING, ToolkitError

_BUTTON = "hold BOOT (BOOT0), press reset, let go: the chip then waits for DFU"


class DfuUtil(Flasher):
    """``alt``: number of the flash among the device's settings (0); ``address`` of the image in the chip's memory."""

    name = "dfu-util"
    command = "dfu-util"
    formats = ("bin",)
    on_linux = "apt-get install dfu-util"
    on_macos = "brew install dfu-util"
    on_windows = "download https://dfu-util.sourceforge.net/releases/ and put it into PATH"
    failures = (
        Failure(
            r"No DFU capable USB device|Found 0 DFU",
            "no board waits for DFU on USB",
            f"plug it in with a cable that carries data; {_BUTTON}",
            MISSING,
        ),
        Failure(
            r"More than one DFU capable",
            "several boards wait for DFU on USB",
            "unplug all but one, or choose one with --probe SERIAL: dfu-util -l lists them",
            exit_code=2,
        ),
        Failure(
            r"Cannot open (DFU )?device|LIBUSB_ERROR_ACCESS|Permission denied",
            "you may not use the board that waits for DFU",
            "{rights}",
            MISSING,
        ),
        Failure(
            r"not writeable|not readable|out of range|dfuERROR|errTARGET|errADDRESS",
            "the board does not take the image at its address",
            "check address and alt of [flashers.dfu-util]; a protected chip needs -s :unprotect:force, which erases it",
        ),
        Failure(
            r"error|Error|LIBUSB_ERROR",
            "the line to the board broke",
            f"flash again; {_BUTTON}",
            again=True,
        ),
    )

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        return {
            "alt": table.integer("alt", 0, 255),
            "address": table.integer("address", 0, (1 << 32) - 1),
        }

    def presence(self, settings: Mapping[str, Any], given: str | None) -> list[str]:
        """See ``Flasher.presence``."""
        return [*self.called(), "-l"]

    def known(self, text: str, code: int | None) -> Failure | None:
        """See ``Flasher.known``; listing succeeds where there is nothing to list."""
        nothing = code == 0 and "Copyright" in text and not re.search(r"Found DFU|Opening DFU", text)
        return self.failures[0] if nothing else super().known(text, code)

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``: write, then read as much back and start the program."""
        command = [*self.called(), "-a", str(job.settings["alt"])]
        if job.device is not None:
            command += ["-S", job.device.address]
        address, back = job.settings["address"], _back(job)
        size = job.file.stat().st_size if job.file.exists() else 0
        return [
            [*command, "-s", f"{address:#x}", "-D", str(job.file)],
            [*command, "-s", f"{address:#x}:{size}:leave", "-U", str(back)],
        ]

    def flash(self, job: Job, timeout_s: float, say: Say) -> None:
        """See ``Flasher.flash``."""
        _back(job).unlink(missing_ok=True)  # dfu-util writes over no file
        super().flash(job, timeout_s, say)
        _back(job).unlink(missing_ok=True)

    def inspect(self, command: list[str], text: str, job: Job) -> None:
        """See ``Flasher.inspect``."""
        if "-U" in command and _back(job).read_bytes() != job.file.read_bytes():
            raise ToolkitError(
                "what was read back from the board is not what was written",
                at=str(_back(job)),
                fix="flash again; with the same result, the flash is protected or worn out",
                exit_code=DEVICE,
            )


def _back(job: Job) -> Path:
    return job.file.with_suffix(".read-back")


FLASHER = DfuUtil()
