"""An emulated board in a process of its own, which stays up with its serial line on a TCP port of this machine."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolkit.device.flashers.base import Flasher, Job, shown
from toolkit.device.flashers.process import Say
from toolkit.device.toml import Table
from toolkit.errors import DEVICE, ToolkitError

_MODULE = "toolkit.device.board_process"
_START_S = 30.0


class Emulator(Flasher):
    """``emulator``: ``unicorn`` or ``qemu``; the target's first one by default."""

    name = "emulator"
    command = sys.executable
    formats = ("elf",)
    on_linux = "nothing is needed"

    def program(self) -> list[str]:
        """See ``Flasher.program``."""
        return [sys.executable, "-m", _MODULE]

    def settings(self, table: Table) -> dict[str, Any]:
        """See ``Flasher.settings``."""
        return {
            "emulator": table.text("emulator", choices=("unicorn", "qemu", "simavr"))
            if "emulator" in table
            else None
        }

    def commands(self, job: Job) -> list[list[str]]:
        """See ``Flasher.commands``."""
        emulator = job.settings["emulator"] or job.target.default_emulator
        return [[*self.program(), str(job.elf), job.target.name, emulator, str(record_of(job))]]

    def flash(self, job: Job, timeout_s: float, say: Say) -> str:
        """See ``Flasher.flash``; the board that an earlier flashing of the bundle started ends."""
        record, log = record_of(job), record_of(job).with_suffix(".log")
        stop(record)
        (command,) = self.commands(job)
        say(f"$ {shown(command)}")
        detached: dict[str, Any] = (
            {"creationflags": 0x00000208}  # DETACHED_PROCESS | CREATE_NEW_PROCESS_GROUP
            if sys.platform == "win32"
            else {"start_new_session": True}
        )
        with log.open("wb") as stream:
            board = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT, **detached
            )
        deadline = time.monotonic() + min(timeout_s, _START_S)
        while (running := read_record(record)) is None:
            ended = board.poll() is not None
            if ended or time.monotonic() > deadline:
                board.kill()
                board.wait()
                said = log.read_text("utf-8", "replace").strip()[-500:]
                raise ToolkitError(
                    "the emulated board does not start" + ("" if ended else " in time"),
                    at=said or "it says nothing",
                    fix=f"run it yourself: {shown(command)}",
                    exit_code=DEVICE,
                )
            time.sleep(0.02)
        return str(running["url"])

    def stop_line(self, job: Job) -> str:
        """Return the command that switches the board off."""
        running = read_record(record_of(job)) or {"pid": "PID"}
        return (
            f"taskkill /F /T /PID {running['pid']}" if sys.platform == "win32" else f"kill {running['pid']}"
        )


def record_of(job: Job) -> Path:
    """Return the file that says where the bundle's emulated board is, while there is one."""
    return job.elf.parent.parent / f"emulated-{job.target.name}.json"


def read_record(file: Path) -> dict[str, Any] | None:
    """Return ``url``, ``pid``, ``control`` and ``token`` of an emulated board, or None where none is written."""
    try:
        record = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and {"url", "pid", "control", "token"} <= record.keys()
    return record if known else None


def stop(record: Path) -> None:
    """Switch off the board that ``record`` speaks of, when it is still there, and forget it."""
    running = read_record(record)
    if running is not None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(running["control"])), 1.0) as line:
            line.settimeout(5.0)
            line.sendall(f"{running['token']}\n".encode())
            line.recv(1)  # ends when the board has
    record.unlink(missing_ok=True)


FLASHER = Emulator()
