"""One serial line: commands out, answers back, whatever is at the other end, noise and silence included."""

from __future__ import annotations

import re
import time
from types import TracebackType
from typing import Any, Self

from toolkit.errors import DEVICE, MISSING, ToolkitError

BAUD = 115_200
TIMEOUT_S = 10.0
LINE_BYTES = 271  # the longest command of runtime/harness/main_serial.c, without its per cent sign
_LONGEST_ANSWER = 1 << 16
_READY = "m-ready"
_ERROR = re.compile(r"e-\[(.*)\]")
_ATTEMPTS = 3


class SerialLink:
    """A line to firmware that speaks MLPerf Tiny's protocol: ``name%`` is answered by lines, the last one ``m-ready``.

    ``port`` is a device (``/dev/ttyACM0``, ``COM3``), a pty, or any URL of pyserial (``socket://127.0.0.1:5000``). Use
    it in a ``with`` statement. Every wait ends after ``timeout_s``.

    Raises:
        ToolkitError: pyserial is missing (3), or there is no such port or nothing at its end answers (4).
    """

    def __init__(self, port: str, *, baud: int = BAUD, timeout_s: float = TIMEOUT_S) -> None:
        try:
            import serial
        except ImportError as error:
            raise ToolkitError(
                "pyserial is not installed", fix="pip install pyserial", exit_code=MISSING
            ) from error
        self.port, self.timeout_s = port, timeout_s
        self._failures: tuple[type[Exception], ...] = (serial.SerialException, OSError, ValueError)
        try:
            self._line: Any = serial.serial_for_url(port, baudrate=baud, timeout=0.05)
        except self._failures as error:
            raise self._error(
                f"cannot open the serial port: {error}",
                "look for it with `python -m serial.tools.list_ports`",
            ) from error
        try:
            self._synchronize()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the port go."""
        self._line.close()

    def ask(self, command: str) -> list[str]:
        """Send ``command`` (without the per cent sign) and return the lines of the answer, without ``m-ready``.

        Raises:
            ToolkitError: the command cannot be sent (2); the board says that something is wrong, says nothing in
                time, hangs up or sends what is no answer (4).
        """
        if not command.isascii() or not command.isprintable() or "%" in command or len(command) > LINE_BYTES:
            raise ToolkitError(
                f"{command[:40]!r} is no command",
                fix=f"send up to {LINE_BYTES} printable ASCII characters without %",
            )
        self._send(command)
        lines = self._answer(command)
        for line in lines:
            if found := _ERROR.fullmatch(line):
                raise self._error(f"the board refuses `{command[:40]}`: {found[1]}", "")
            if not re.match(r"m-", line):
                raise self._error(
                    f"no answer to `{command[:40]}` begins with {line[:40]!r}",
                    "check the baud rate and the wiring, and that nothing else writes to the port",
                )
        return lines

    def value(self, command: str, name: str) -> str:
        """Send ``command`` and return what stands in the brackets of the line ``m-name-[…]`` of its answer.

        Raises:
            ToolkitError: as ``ask``, and when there is no such line.
        """
        for line in self.ask(command):
            if line.startswith(f"m-{name}-[") and line.endswith("]"):
                return line[len(name) + 4 : -1]
        raise self._error(
            f"the answer to `{command[:40]}` has no m-{name}-[…]", "flash firmware of this toolkit"
        )

    def _send(self, command: str) -> None:
        try:
            self._line.write(command.encode("ascii") + b"%")
            self._line.flush()
        except self._failures as error:
            raise self._error(
                f"cannot write to the serial port: {error}", "plug the board in again"
            ) from error

    def _answer(self, command: str, timeout_s: float | None = None) -> list[str]:
        limit = self.timeout_s if timeout_s is None else timeout_s
        data, deadline = bytearray(), time.monotonic() + limit
        while not data.endswith(b"m-ready\r\n") or (len(data) > 9 and data[-10:-9] != b"\n"):
            if time.monotonic() > deadline:
                said = f"only {bytes(data[:60])!r}" if data else "nothing"
                raise self._error(
                    f"the board answers {said} to `{command[:40]}` within {limit:g} s",
                    "check port and baud rate, reset the board, or give it more time with --timeout",
                )
            try:
                data += self._line.read(max(1, self._line.in_waiting))
            except self._failures as error:
                raise self._error(f"the serial line broke: {error}", "plug the board in again") from error
            if len(data) > _LONGEST_ANSWER:
                raise self._error(f"the answer to `{command[:40]}` does not end", "reset the board")
        lines = data.decode("ascii", "replace").splitlines()
        return [line for line in lines[:-1] if line]

    def _synchronize(self) -> None:
        """Empty commands are answered by nothing but ``m-ready``: send them until one is."""
        for attempt in range(_ATTEMPTS):
            self._send("")
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
        return bool(self._line.in_waiting)

    def _drain(self) -> None:
        """Forget what the board said before anybody listened."""
        quiet_since = time.monotonic()
        deadline = quiet_since + self.timeout_s
        while time.monotonic() - quiet_since < 0.2:
            if self._line.read(4096):
                quiet_since = time.monotonic()
            if time.monotonic() > deadline:
                raise self._error("the board never stops talking", "check the baud rate, reset the board")

    def _error(self, what: str, fix: str) -> ToolkitError:
        return ToolkitError(what, at=self.port, fix=fix, exit_code=DEVICE)
