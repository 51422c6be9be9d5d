"""Arm Cortex-M boards with a debug probe that pyOCD knows: CMSIS-DAP, DAPLink, ST-LINK, J-Link, Picoprobe."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.device import ports
from toolkit.device.flashers.base import Failure, Flasher, Job
from toolkit.device.ports import Device
from toolkit.device.targets import Target
from toolkit.device.toml import Table
from toolkit.errors import DEVICE, MISSING, ToolkitError


class Pyocd(Flasher):
    """``target`` as ``pyocd list --targets`` names it, or the part of a pack (``stm32f411re``)."""

    name = "pyocd"
    command = "pyocd"
    module = "pyocd"
    formats = ("hex", "elf")
    kind = "probe"
    on_linux = 'pip install "edge-toolkit[boards]"'
    failures = (
        Failure(
            r"No available debug probes|No connected debug probes|[Nn]o probe (found|with)",
            "the debug probe {address} is not there",
            "plug it in; toolkit ports lists the probes",
            MISSING,
        ),
        Failure(
            r"Target type '?[\w.-]+'? not recognized",
            "pyOCD does not know {target} yet",
            "install its pack: pyocd pack install {target}",
            MISSING,
        ),
        Failure(
            r"Access denied|[Ii]nsufficient permissions|Permission denied|Errno 13",
            "you may not use the debug probe {address}",
            "{rights}",
            MISSING,
        ),
        Failure(
            r"not automatically unlocking|[Ll]ocked|APPROTECT",
            "the chip behind {address} is locked against debuggers",
            "unlock it, which erases all of it: pyocd erase --mass --target {target}",
        ),
        Failure(
            r"[Nn]o ACK|No cores were discovered|Unable to (connect|power)|communication failure|"
            r"STLink error.*(connect|DP|AP)|Unexpected ACK",
            "the probe {address} gets no answer from the chip",
            "check the chip's power and the wires of SWD; hold reset while it begins",
            again=True,
        ),
        Failure(
            r"[Ff]lash (program|erase|algorithm)|erase sector failure|program page failure|FlashFailure|Flash.*fail",
            "the chip behind {address} does not take the program into its flash",
            "erase all of it and try again: pyocd erase --chip --target {target}",
            again=True,
        ),
        Failure(
            r"[Tt]ransfer|disconnected|[Pp]robe.*error|USBError|No such device|Errno (5|19|32)\b",
            "the line to the probe {address} broke",
            "plug the board out and in, and flash again",
            again=True,
        ),
    )

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        return {"target": table.text("target")}

    def find(self, target: Target, settings: Mapping[str, Any], given: str | None) -> Device:
        """See ``Flasher.find``; a probe that is part of a board with another chip is not taken."""
        return ports.choose("probe", target, given, board=settings["target"])

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``: load, then compare what can be read back, then start the program."""
        target = ["--no-config", "--no-wait", "--target", job.settings["target"]]
        if job.device is not None:
            target += ["--uid", job.device.address]
        compare = [
            part for address, file in job.pieces() for part in ("-c", f"compare {address:#x} {_word(file)}")
        ]
        program = self.called()
        return [
            [*program, "load", *target, "--no-reset", str(job.file)],
            [*program, "commander", *target, "--connect", "halt", *compare, "-c", "reset"],
        ]

    def inspect(self, command: list[str], text: str, job: Job) -> None:
        """See ``Flasher.inspect``; ``compare`` succeeds whatever it finds."""
        if "commander" in command and (
            "Mismatched" in text or text.count("bytes match") < command.count("-c") - 1
        ):
            raise ToolkitError(
                f"what was read back from the board behind {job.address} is not what was written",
                at=next((line for line in text.splitlines() if "Mismatched" in line), ""),
                fix="flash again; with the same result, erase the whole chip: pyocd erase --chip --target "
                f"{job.settings['target']}",
                exit_code=DEVICE,
            )


def _word(file: Path) -> str:
    """Return a file's name as one word of pyOCD's commander, which splits its lines into words twice."""
    return "".join(c if c.isalnum() or c in "/._-:" else rf"\\\{c}" for c in str(file))


FLASHER = Pyocd()
