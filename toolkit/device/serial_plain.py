"""Talking to any firmware that speaks MLPerf Tiny's protocol, in plain text; damage is noticed where it shows."""

from __future__ import annotations

import time

from toolkit.device.serial_frame import READY
from toolkit.device.serial_line import Received
from toolkit.errors import ToolkitError

_LONGEST_ANSWER = 1 << 22
_ATTEMPTS = 3


class PlainTalk:
    """Commands as they are typed. Every wait ends after ``timeout_s``."""

    def __init__(self, line: Received, timeout_s: float) -> None:
        self.line, self.timeout_s = line, timeout_s

    def ask(self, command: str, takes_s: float) -> list[str]:
        """Send a command and return the lines of what is said up to ``m-ready``.

        Raises:
            ToolkitError: that does not come in time.
        """
        self.line.send(command.encode("ascii") + b"%")
        return self._answer(command, self.timeout_s + takes_s)

    def _answer(self, command: str, timeout_s: float) -> list[str]:
        deadline = time.monotonic() + timeout_s
        while not self.line.data.endswith(READY) or (
            len(self.line.data) > 9 and self.line.data[-10:-9] != b"\n"
        ):
            if time.monotonic() > deadline:
                self.line.silent(command, bytes(self.line.data), timeout_s)
            self.line.receive()
            if len(self.line.data) > _LONGEST_ANSWER:
                raise self.line.error(f"the answer to `{command[:40]}` does not end", "reset the board")
        lines = self.line.data.decode("ascii", "replace").splitlines()
        self.line.data.clear()
        return [line for line in lines[:-1] if line]

    def synchronize(self) -> None:
        """Empty commands are answered by nothing but ``m-ready``: send them until one is."""
        for attempt in range(_ATTEMPTS):
            self.line.data.clear()
            self.line.send(b"%")
            try:
                last = self._answer("", self.timeout_s / _ATTEMPTS)
            except ToolkitError:
                if attempt == _ATTEMPTS - 1:
                    raise
                continue
            if not last and not self._waiting():
                return
        self._drain()

    def _waiting(self) -> bool:
        time.sleep(0.02)
        return bool(self.line.line.in_waiting)

    def _drain(self) -> None:
        """Forget what the board said before anybody listened."""
        quiet_since = time.monotonic()
        deadline = quiet_since + self.timeout_s
        while time.monotonic() - quiet_since < 0.2:
            if self.line.line.read(4096):
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                raise self.line.error("the board never stops talking", "check the baud rate, reset the board")
