"""A board under QEMU that stays up, its serial port on a TCP line of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

from toolkit.device import install
from toolkit.device.elf import Elf
from toolkit.device.profile import Profile
from toolkit.device.targets import Target
from toolkit.errors import DEVICE, MISSING, ToolkitError

_START_S = 20.0
_PORT = re.compile(r"tcp:127\.0\.0\.1:(\d+)")


class QemuBoard:
    """One firmware running on QEMU's board until it is closed. ``url`` is its serial line; nothing is counted."""

    def __init__(self, elf: Elf, target: Target) -> None:
        config = target.emulators["qemu"]
        program = shutil.which(config.command)
        if program is None:
            raise ToolkitError(
                f"{config.command} is not installed", fix=install.line(config.package), exit_code=MISSING
            )
        command = [
            program,
            *("-M", config.machine),
            *config.args,
            *("-display", "none", "-monitor", "stdio"),
            *(
                "-chardev",
                "socket,id=line,host=127.0.0.1,port=0,server=on,wait=off,nodelay=on",
            ),
            *("-serial", "null") * config.serial_line,
            *("-serial", "chardev:line"),
            *("-kernel", str(Path(elf.path).resolve())),
        ]
        self._elf = elf
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._text: list[str] = []
        self._reader = threading.Thread(target=self._read, name="QEMU's monitor", daemon=True)
        self._reader.start()
        try:
            self.url = f"socket://127.0.0.1:{self._find_port()}"
        except BaseException:
            self.close()
            raise

    def reset(self) -> None:
        """Reset the board, whatever it is doing; what is no part of the image stays in its memory."""
        self._say("system_reset")

    def close(self) -> None:
        """Switch off for good."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                end.close()

    def profiles(self) -> dict[str, Profile]:
        """Return nothing: counting is Unicorn's."""
        return {}

    def failure(self) -> ToolkitError | None:
        """Return why the board no longer runs, or None while it does."""
        if self._process.poll() is None:
            return None
        said = "".join(self._text).strip()[-500:]
        return ToolkitError(
            f"QEMU has ended: {said or 'it says nothing'}", at=str(self._elf.path), exit_code=DEVICE
        )

    def _read(self) -> None:
        assert self._process.stdout is not None
        while character := self._process.stdout.read(1):
            self._text.append(character)

    def _say(self, command: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self.failure() or ToolkitError(str(error), exit_code=DEVICE) from error

    def _find_port(self) -> int:
        """Ask which port the serial line was given."""
        self._say("info chardev")
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            found = _PORT.search("".join(self._text))
            if found:
                return int(found[1])
            if (failure := self.failure()) is not None:
                raise failure
            time.sleep(0.02)
        raise ToolkitError(f"QEMU did not start within {_START_S:g} s", exit_code=DEVICE)
