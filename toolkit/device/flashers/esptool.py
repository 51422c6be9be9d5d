"""ESP32 boards, through the boot ROM of the chip and a serial port."""

from __future__ import annotations

from typing import Any

from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.device.toml import Table
from toolkit.errors import MISSING

_BUTTON = "hold BOOT, press and let go of RESET, let go of BOOT, then flash again"


class Esptool(Flasher):
    """``chip`` as esptool names it (``esp32c3``); ``address`` in flash, 0 by default; ``baud``, 460800 by default."""

    name = "esptool"
    command = "esptool"
    module = "esptool"
    formats = ("bin",)
    kind = "serial"
    on_linux = 'pip install "edge-toolkit[boards]"'
    proof = "Hash of data verified"
    failures = (
        Failure(
            r"Lost connection|No more data to read|stopped responding|[Tt]imed out|transfer stopped|stream stopped|"
            r"device reports readiness to read but returned no data|Input/output error|Write timeout",
            "the board on {address} stopped answering in the middle of it",
            "check cable and power, and flash again; slower may help: baud = 115200 in [flashers.esptool]",
            again=True,
        ),
        Failure(
            r"port is busy or doesn't exist|[Cc]ould not open|No such file or directory",
            "the serial port {address} cannot be opened: it is not there, or another program has it",
            "close the serial monitor, and see which ports there are: toolkit ports",
            MISSING,
        ),
        Failure(
            r"This chip is (\S+)[,.]? not",
            "the chip on {address} is not the one that the model was exported for",
            "export for the chip that esptool names, or choose the other board with --port",
        ),
        Failure(
            r"Wrong boot mode detected",
            "the chip on {address} runs its program instead of its boot loader",
            _BUTTON,
        ),
        Failure(
            r"Failed to connect|No serial data received|Invalid head of packet|Device not configured",
            "no ESP32 answers on {address}",
            f"{_BUTTON}; check the cable and that it is the right port",
        ),
        Failure(
            r"MD5 of file does not match|Verification failed|verify failed",
            "what was read back from the flash of the board on {address} is not what was written",
            "flash again; with the same result, the flash chip or its power supply is broken",
            again=True,
        ),
    )

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        return {
            "chip": table.text("chip"),
            "address": table.integer("address", 0, 1 << 28) if "address" in table else 0,
            "baud": table.integer("baud", 9600, 4_000_000) if "baud" in table else 460_800,
        }

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``. esptool itself compares MD5 sums of what was written."""
        assert job.device is not None
        port = [
            "--chip",
            job.settings["chip"],
            "--port",
            job.device.address,
            "--baud",
            str(job.settings["baud"]),
        ]
        return [[*self.called(), *port, "write-flash", hex(job.settings["address"]), str(job.file)]]


FLASHER = Esptool()
