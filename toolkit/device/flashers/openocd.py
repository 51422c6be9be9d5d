"""Boards behind any debug probe that OpenOCD knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.device.toml import Table
from toolkit.errors import MISSING


class Openocd(Flasher):
    """``config``: OpenOCD's files for the board (``["board/stm32f4discovery.cfg"]``), or for probe and chip."""

    name = "openocd"
    command = "openocd"
    formats = ("elf", "hex")
    on_linux = "apt-get install openocd"
    on_macos = "brew install openocd"
    on_windows = "npm install -g xpm && xpm install -g @xpack-dev-tools/openocd@latest"
    failures = (
        Failure(
            r"open failed|unable to find (a )?matching|No J-?Link device|no device found|unable to open .*device",
            "OpenOCD finds no debug probe",
            "{absent}",
            MISSING,
        ),
        Failure(
            r"LIBUSB_ERROR_ACCESS|Permission denied|insufficient permissions",
            "you may not use the debug probe",
            "{rights}",
            MISSING,
        ),
        Failure(
            r"Can't find \S+|couldn't open",
            "OpenOCD lacks a file of the board",
            "install OpenOCD 0.12 or later, or set config in [flashers.openocd]",
            MISSING,
        ),
        Failure(
            r"verify failed|checksum mismatch|contents differ",
            "what was read back from the board is not what was written",
            "flash again; with the same result, the flash of the chip is worn out or protected",
            again=True,
        ),
        Failure(
            r"is write protected|protected|locked",
            "the flash of the chip is protected",
            "take the protection away, which erases the chip: see the chip's driver in OpenOCD's manual, "
            "chapter Flash Commands",
        ),
        Failure(
            r"all (ones|zeroes)|[Ee]xamination failed|Error connecting DP|cannot read IDR|timed out|not halted",
            "the probe gets no answer from the chip",
            "check the chip's power and the wires of SWD; hold reset while it begins",
            again=True,
        ),
        Failure(
            r"[Cc]onnection closed|LIBUSB_ERROR|CMSIS-DAP.*fail|remote_bitbang|adapter.*lost",
            "the line to the debug probe broke",
            "plug the board out and in, and flash again",
            again=True,
        ),
    )

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        config = table.texts("config")
        if not config:
            raise table.error(
                "config", "is empty", 'name OpenOCD\'s file of the board: config = ["board/….cfg"]'
            )
        return {"config": config}

    def presence(self, settings: Mapping[str, Any], given: str | None) -> list[str] | None:
        """See ``Flasher.presence``."""
        return [*self._begin(settings, given), "-c", "init", "-c", "shutdown"]

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``."""
        program = (
            f"program {{{job.file.as_posix()}}} verify reset exit"  # braces: a word of Tcl with any spaces
        )
        given = job.device.address if job.device else None
        return [[*self._begin(job.settings, given), "-c", program]]

    def _begin(self, settings: Mapping[str, Any], given: str | None) -> list[str]:
        files = [part for file in settings["config"] for part in ("-f", file)]
        alone = "gdb_port disabled; telnet_port disabled; tcl_port disabled"  # another OpenOCD may have them
        probe = ("-c", f"adapter serial {given}") if given else ()
        return [*self.called(), "-c", alone, *probe, *files]  # some boards' files end what can be set


FLASHER = Openocd()
