"""One serial line: commands out, answers back, whatever is at the other end, noise and silence included."""

from __future__ import annotations

import random
import re
import time
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

from toolkit.device import serial_frame
from toolkit.device.serial_frame import COMMAND_BYTES, READY
from toolkit.errors import DEVICE, MISSING, ToolkitError

BAUD = 115_200
TIMEOUT_S = 10.0
PATIENCE_S = 0.5
_LONGEST_ANSWER = 1 << 22
_ERROR = re.compile(r"e-\[(.*)\]")
_ATTEMPTS = 3
_FAILURES = (OSError, ValueError)  # pyserial's own are OSErrors
_DAMAGES = 12  # of one exchange, before the line is called bad
_NO_ANSWER = ("e-[Damaged", "e-[Noise", "e-[Too long", "m-init-done")  # to what was sent


class Line(Protocol):
    """What pyserial's ports are to a link."""

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""

    def read(self, size: int) -> bytes:
        """Return up to ``size`` bytes, those that come within a short time."""

    def write(self, data: bytes) -> Any:
        """Send."""

    def flush(self) -> None:
        """Wait until all is sent."""

    def close(self) -> None:
        """Let go."""


def open_port(port: str, baud: int = BAUD) -> Line:
    """Return the serial port ``port``, a device or a URL of pyserial; reads of it end after 50 ms.

    Raises:
        ToolkitError: pyserial is missing (3), or there is no such port (4).
    """
    try:
        import serial
    except ImportError as error:
        raise ToolkitError(
            "pyserial is not installed", fix="pip install pyserial", exit_code=MISSING
        ) from error
    try:
        line: Line = serial.serial_for_url(port, baudrate=baud, timeout=0.05, write_timeout=5)
    except _FAILURES as error:
        raise ToolkitError(
            f"cannot open the serial port: {error}",
            at=port,
            fix="look for it with `toolkit ports`",
            exit_code=DEVICE,
        ) from error
    return line


class SerialLink:
    """A line to firmware that speaks MLPerf Tiny's protocol: ``name%`` is answered by lines, the last one ``m-ready``.

    Firmware of this toolkit understands a checked form, too: commands and answers carry length, CRC and a sequence
    number. It is used where the board knows it. What was damaged on the way, out or back, is then repeated, and
    nothing is done twice; a damaged answer is never taken for one.

    Args:
        port: a device (``/dev/ttyACM0``, ``COM3``), a pty, any URL of pyserial (``socket://127.0.0.1:5000``), or an
            open ``Line``.
        baud: of the line.
        timeout_s: every wait ends after so long.
        patience_s: a command is sent again when nothing has come for so long; then for twice as long, and so on.
        checked: True: insist on the checked form. False: plain text only. None: ask the board.

    Use it in a ``with`` statement.

    Raises:
        ToolkitError: pyserial is missing (3), or there is no such port or nothing at its end answers (4).
    """

    def __init__(
        self,
        port: str | Line,
        *,
        baud: int = BAUD,
        timeout_s: float = TIMEOUT_S,
        patience_s: float = PATIENCE_S,
        checked: bool | None = None,
    ) -> None:
        self.port = port if isinstance(port, str) else type(port).__name__
        self.baud, self.timeout_s, self.patience_s = baud, timeout_s, patience_s
        self._data = bytearray()  # received, and not yet part of an answer
        self._sequence = 0
        self._in_step = False  # the board knows our sequence number
        self._line = open_port(port, baud) if isinstance(port, str) else port
        try:
            self.checked = checked is not False and self._agree(checked)
            if not self.checked:
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

    def ask(self, command: str, *, takes_s: float = 0.0) -> list[str]:
        """Send ``command`` (without the per cent sign) and return the lines of the answer, without ``m-ready``.

        Args:
            command: up to ``serial_frame.COMMAND_BYTES`` printable ASCII characters.
            takes_s: how long the board works on it; added to what it may take anyway.

        Raises:
            ToolkitError: the command cannot be sent (2); the board says that something is wrong, says nothing in
                time, hangs up, was reset or sends what is no answer (4).
        """
        if (
            not command.isascii()
            or not command.isprintable()
            or "%" in command
            or "#" in command
            or len(command) > COMMAND_BYTES
        ):
            raise ToolkitError(
                f"{command[:40]!r} is no command",
                fix=f"send up to {COMMAND_BYTES} printable ASCII characters without % and #",
            )
        if self.checked:
            lines = self._exchange(command, takes_s)
        else:
            self._send(command.encode("ascii") + b"%")
            lines = self._answer(command, self.timeout_s + takes_s)
        for line in lines:
            if found := _ERROR.fullmatch(line):
                raise self._error(f"the board refuses `{command[:40]}`: {found[1]}", "")
            if not re.match(r"m-", line):
                raise self._error(
                    f"no answer to `{command[:40]}` begins with {line[:40]!r}",
                    "check the baud rate and the wiring, and that nothing else writes to the port",
                )
        return lines

    def value(self, command: str, name: str, *, takes_s: float = 0.0) -> str:
        """Send ``command`` and return what stands in the brackets of the line ``m-name-[…]`` of its answer.

        Raises:
            ToolkitError: as ``ask``, and when there is no such line.
        """
        for line in self.ask(command, takes_s=takes_s):
            if line.startswith(f"m-{name}-[") and line.endswith("]"):
                return line[len(name) + 4 : -1]
        raise self._error(
            f"the answer to `{command[:40]}` has no m-{name}-[…]", "flash firmware of this toolkit"
        )

    # The checked form.

    def _agree(self, insist: bool | None) -> bool:
        """Find out whether the board knows the checked form, and begin it."""
        votes, said, patience = 0, b"", self.patience_s
        deadline = time.monotonic() + self.timeout_s
        self._sequence = random.randrange(serial_frame.SEQUENCES // 2)
        while time.monotonic() < deadline:
            self._send(serial_frame.frame(self._sequence, "sync"))
            body, text = self._hear(self._sequence, patience, deadline, lone=True)
            if body is not None:
                self._in_step = True
                return True
            said, patience = text or said, 2 * patience
            lines = text.decode("ascii", "replace").splitlines()
            votes += "m-ready" in lines and not any(line.startswith(_NO_ANSWER) for line in lines)
            if votes == 2 and not insist:
                return False
        if insist or not said:
            self._silent("sync", said, self.timeout_s)
        return False

    def _exchange(self, command: str, takes_s: float) -> list[str]:
        """Send a command until a whole answer to it has come."""
        if self._sequence == serial_frame.SEQUENCES:
            self._sequence, self._in_step = 0, False
        if not self._in_step:
            self._repeat("sync", 0.0)
            self._in_step = True
        self._sequence += 1
        lines = self._repeat(command, takes_s)
        if any(line.startswith("e-[Out of sequence") for line in lines):
            self._in_step = False
            raise self._error(
                f"the board was reset before `{command[:40]}`, or somebody typed a command in between",
                "begin again: send the sample once more; what was not saved is lost",
            )
        return lines

    def _repeat(self, command: str, takes_s: float) -> list[str]:
        data = serial_frame.frame(self._sequence, command)
        patience = self.patience_s + takes_s + 20 * len(data) / self.baud
        deadline = time.monotonic() + self.timeout_s + takes_s
        damages, said = 0, b""
        while True:
            self._send(data)
            body, text = self._hear(self._sequence, patience, deadline)
            if body is not None:
                return [line for line in body.decode("ascii", "replace").splitlines() if line]
            said = text or said
            damages += bool(text)
            patience *= 1 if text else 2
            if time.monotonic() > deadline or damages > _DAMAGES:
                self._silent(command, said, self.timeout_s + takes_s)

    def _hear(
        self, sequence: int, patience_s: float, deadline: float, *, lone: bool = False
    ) -> tuple[bytes | None, bytes]:
        """Return the body of the answer to ``sequence``.

        Or None and what came instead, when that has ended, or when nothing came for ``patience_s`` or any longer.
        """
        give_up = min(time.monotonic() + patience_s, deadline)
        while True:
            found = serial_frame.find(self._data, sequence, lone=lone)
            if found is not None:
                text = bytes(self._data[: found.used])
                del self._data[: found.used]
                if found.body is not None:
                    return found.body, b""
                if found.damaged:
                    return None, text
            if time.monotonic() > give_up:
                return None, bytes(self._data)
            if self._receive():
                give_up = min(time.monotonic() + patience_s, deadline)
            if len(self._data) > _LONGEST_ANSWER:
                raise self._error("the board never stops talking", "check the baud rate, reset the board")

    # Plain text.

    def _answer(self, command: str, timeout_s: float) -> list[str]:
        deadline = time.monotonic() + timeout_s
        while not self._data.endswith(READY) or (len(self._data) > 9 and self._data[-10:-9] != b"\n"):
            if time.monotonic() > deadline:
                self._silent(command, bytes(self._data), timeout_s)
            self._receive()
            if len(self._data) > _LONGEST_ANSWER:
                raise self._error(f"the answer to `{command[:40]}` does not end", "reset the board")
        lines = self._data.decode("ascii", "replace").splitlines()
        self._data.clear()
        return [line for line in lines[:-1] if line]

    def _synchronize(self) -> None:
        """Empty commands are answered by nothing but ``m-ready``: send them until one is."""
        for attempt in range(_ATTEMPTS):
            self._data.clear()
            self._send(b"%")
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

    # Bytes.

    def _send(self, data: bytes) -> None:
        try:
            self._line.write(data)
            self._line.flush()
        except _FAILURES as error:
            raise self._error(
                f"cannot write to the serial port: {error}", "plug the board in again"
            ) from error

    def _receive(self) -> int:
        """Take in what has come; return how many bytes."""
        try:
            data = self._line.read(max(1, self._line.in_waiting))
        except _FAILURES as error:
            raise self._error(f"the serial line broke: {error}", "plug the board in again") from error
        self._data += data
        return len(data)

    def _silent(self, command: str, said: bytes, limit_s: float) -> NoReturn:
        words = f"only {said[:60]!r}" if said else "nothing"
        raise self._error(
            f"the board answers {words} to `{command[:40]}` within {limit_s:g} s",
            "check port and baud rate, reset the board, or give it more time with --timeout",
        )

    def _error(self, what: str, fix: str) -> ToolkitError:
        return ToolkitError(what, at=self.port, fix=fix, exit_code=DEVICE)
