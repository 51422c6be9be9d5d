"""What every flasher is: it checks its keys, makes the exact commands, runs them to an end and explains failures."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.device import elf, no_ports, ports
from toolkit.device.flashers import process
from toolkit.device.flashers.process import Say
from toolkit.device.ports import Device, Kind
from toolkit.device.targets import Target
from toolkit.device.toml import Table
from toolkit.errors import DEVICE, MISSING, ToolkitError

ATTEMPTS = 2
_PRESENCE_S = 10.0
_PAUSE_S = 0.5


@dataclass(frozen=True)
class Job:
    """One flashing: ``file`` is the image in the flasher's format, ``elf`` the program it was made of."""

    target: Target
    elf: Path
    file: Path
    settings: Mapping[str, Any]  # what Flasher.check returned
    device: Device | None  # None where the tool finds the only one itself

    @property
    def address(self) -> str:
        """What the board is reached by, for messages."""
        return self.device.address if self.device else "the board"

    def pieces(self) -> list[tuple[int, Path]]:
        """Return what the ELF loads, as addresses and files beside it: a file for each stretch without a gap."""
        stretches: list[tuple[int, bytearray]] = []
        for segment in sorted(elf.read(self.elf).segments, key=lambda segment: segment.address):
            if stretches and segment.address == stretches[-1][0] + len(stretches[-1][1]):
                stretches[-1][1].extend(segment.data)
            else:
                stretches.append((segment.address, bytearray(segment.data)))
        found = []
        for address, data in stretches:
            file = self.elf.with_name(f"{self.elf.stem}-{address:08x}.part")
            file.write_bytes(data)
            found.append((address, file))
        return found


@dataclass(frozen=True)
class Failure:
    """A known way to fail: ``pattern`` in what the tool says means ``what``.

    ``{address}`` in the texts is the device's, ``{rights}`` what lets the user use it, ``{absent}`` what to try where
    it is not there, ``{target}`` and so on are the tool's keys. ``again``: trying once more may help.
    """

    pattern: str
    what: str
    fix: str
    exit_code: int = DEVICE
    again: bool = False


class Flasher:
    """A tool that writes images to boards, used as a program. Each module of this folder has one, ``FLASHER``.

    ``on_linux`` and so on say how to get it, ``on_linux`` alone where that is the same everywhere. ``module`` is set
    where it is a Python package. ``proof`` is what the tool says, as a pattern, when it has verified what it wrote.
    """

    name: str
    command: str
    module: str = ""
    formats: tuple[str, ...]  # of images, the best one first
    kind: Kind | None = None  # what it reaches a board by, where the toolkit has to say
    on_linux: str
    on_macos: str = ""
    on_windows: str = ""
    proof: str = ""
    failures: tuple[Failure, ...] = ()

    def program(self) -> list[str] | None:
        """Return how the tool is called, or None when it is not installed."""
        if self.module and importlib.util.find_spec(self.module) is not None:
            return [sys.executable, "-m", self.module]
        found = shutil.which(self.command)
        return [found] if found else None

    def install(self) -> str:
        """Return what installs the tool on this system."""
        return {"darwin": self.on_macos, "win32": self.on_windows}.get(sys.platform) or self.on_linux

    def called(self) -> list[str]:
        """Return how the tool is called, installed or not."""
        return self.program() or [self.command]

    def require(self) -> None:
        """Raise ``ToolkitError`` (3) when the tool is not installed."""
        if self.program() is None:
            raise ToolkitError(f"{self.name} is not installed", fix=self.install(), exit_code=MISSING)

    def check(self, target: Target) -> dict[str, Any]:
        """Return the values of ``[flashers.NAME]`` of ``target``. Raises ``ToolkitError`` for wrong ones."""
        file = target.folder / "target.toml"
        table = Table(file, dict(target.flashers[self.name]), f"flashers.{self.name}.")
        settings = self.settings(table)
        table.done()
        return settings

    def settings(self, table: Table) -> dict[str, Any]:
        """Read the tool's own keys from ``table``."""
        return {}

    def find(self, target: Target, settings: Mapping[str, Any], given: str | None) -> Device | None:
        """Return what the board is reached by; ``given`` is what the user says it is.

        Raises:
            ToolkitError: none is there (3), or several are (2).
        """
        if self.kind is not None:
            device = ports.choose(self.kind, target, given)
            if device.kind == "serial":
                no_ports.check_access(device.address)
            return device
        presence = self.presence(settings, given)
        if presence:
            self.run(
                presence,
                values(target, settings, given or "the board"),
                time.monotonic() + _PRESENCE_S,
                lambda line: None,
            )
        return Device("probe", given, "given") if given else None

    def presence(self, settings: Mapping[str, Any], given: str | None) -> list[str] | None:
        """Return the command that fails, in short time, when no board is there."""
        return None

    def commands(self, job: Job) -> list[list[str]]:
        """Return the commands that write and verify, in order."""
        raise NotImplementedError

    def plan(self, job: Job) -> list[str]:
        """Return what ``flash`` does, as lines of a shell."""
        return [shown(command) for command in self.commands(job)]

    def flash(self, job: Job, timeout_s: float, say: Say) -> str | None:
        """Write and verify within ``timeout_s``; return the serial port that the board then has, where it is new.

        Raises:
            ToolkitError: the tool is not there (3), or fails or takes too long (4).
        """
        deadline = time.monotonic() + timeout_s
        for command in self.commands(job):
            text = self.run(command, values(job.target, job.settings, job.address), deadline, say)
            self.inspect(command, text, job)
        return None

    def inspect(self, command: list[str], text: str, job: Job) -> None:
        """Raise ``ToolkitError`` when ``text``, said by a command that succeeded, shows that it did not."""
        if self.proof and not re.search(self.proof, text):
            raise ToolkitError(
                f"{self.name} did not say that it verified what it wrote",
                at=job.address if self.kind == "serial" else "",
                fix="flash again with -v to see what it says",
                exit_code=DEVICE,
            )

    def run(self, command: list[str], about: Mapping[str, Any], deadline: float, say: Say) -> str:
        """Run one command until ``deadline``, several times where that may help; return what it says."""
        error: ToolkitError | None = None
        port = Path(about["address"]) if self.kind == "serial" and "://" not in about["address"] else None
        for attempt in range(1, ATTEMPTS + 1):
            say(f"$ {shown(command)}")
            done = process.run(command, max(deadline - time.monotonic(), 0.1), say, port)
            known = self.known(done.text, done.code)
            if done.code == 0 and known is None:
                return done.text
            error = error or self.error(command, done, known, about)  # the first failure says most
            again = known is not None and known.again and done.code is not None
            if not again or attempt == ATTEMPTS or time.monotonic() + _PAUSE_S > deadline:
                break
            time.sleep(_PAUSE_S)
        assert error is not None
        raise error

    def known(self, text: str, code: int | None) -> Failure | None:
        """Return the first known failure that ``text`` shows."""
        return next((f for f in self.failures if code != 0 and re.search(f.pattern, text)), None)

    def error(
        self, command: list[str], done: process.Done, known: Failure | None, about: Mapping[str, Any]
    ) -> ToolkitError:
        """Return the error for a command that failed."""
        if done.gone:
            return ToolkitError(
                f"the serial port {about['address']} went away in the middle of it",
                fix="check cable and power, and flash again",
                exit_code=DEVICE,
            )
        if known is not None:
            return ToolkitError(
                known.what.format_map(about),
                at=f"{self.name}: {_last_lines(done.text, 1)}",
                fix=known.fix.format_map(about),
                exit_code=known.exit_code,
            )
        if done.code is None:
            return ToolkitError(
                f"{self.name} does not end in time",
                at=_last_lines(done.text, 3) or "it says nothing",
                fix="plug the board out and in and try again, or give it more time with --timeout",
                exit_code=DEVICE,
            )
        return ToolkitError(
            f"{self.name} fails with exit code {done.code}",
            at=_last_lines(done.text, 5) or "it says nothing",
            fix=f"run it yourself to see all it says: {shown(command)}",
            exit_code=DEVICE,
        )


def values(target: Target, settings: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Return what the messages of a flasher's failures may name."""
    rights, absent = no_ports.rights(target.usb), no_ports.explain(["probe"], target.usb)
    return {**settings, "address": address, "rights": rights, "absent": absent}


def shown(command: list[str]) -> str:
    """Return ``command`` as a line to be typed."""
    return subprocess.list2cmdline(command) if sys.platform == "win32" else shlex.join(command)


def _last_lines(text: str, count: int) -> str:
    return "\n      ".join(line[:200] for line in text.splitlines()[-count:])
