"""A serial line as bytes: a port of pyserial or anything like it, and what has come over it so far."""

from __future__ import annotations

from typing import Any, NoReturn, Protocol

from toolkit.errors import DEVICE, MISSING, ToolkitError

BAUD = 115_200
_FAILURES = (OSError, ValueError)  # pyserial's own are OSErrors


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


def pyserial() -> Any:
    """Return the module of pyserial. Raises ``ToolkitError`` (3) when it is missing."""
    try:
        import serial
    except ImportError as error:
        raise ToolkitError(
            "pyserial is not installed", fix="pip install pyserial", exit_code=MISSING
        ) from error
    return serial


def open_port(port: str, baud: int = BAUD) -> Line:
    """Return the serial port ``port``, a device or a URL of pyserial; reads of it end after 50 ms.

    Raises:
        ToolkitError: pyserial is missing (3), or there is no such port (4).
    """
    serial = pyserial()
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


class Received:
    """An open line, and in ``data`` what has come and is not yet part of an answer. ``port`` names it in errors."""

    def __init__(self, line: Line, port: str, baud: int) -> None:
        self.line, self.port, self.baud = line, port, baud
        self.data = bytearray()

    def send(self, data: bytes) -> None:
        """Send bytes. Raises ``ToolkitError`` when the line is broken."""
        try:
            self.line.write(data)
            self.line.flush()
        except _FAILURES as error:
            raise self.error(
                f"cannot write to the serial port: {error}", "plug the board in again"
            ) from error

    def receive(self) -> int:
        """Wait a moment, add what comes to ``data``, return how many bytes. Raises as ``send``."""
        try:
            data = self.line.read(max(1, self.line.in_waiting))
        except _FAILURES as error:
            raise self.error(f"the serial line broke: {error}", "plug the board in again") from error
        self.data += data
        return len(data)

    def take(self, count: int) -> bytes:
        """Remove the first ``count`` bytes of ``data`` and return them."""
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken

    def silent(self, command: str, said: bytes, limit_s: float) -> NoReturn:
        """Raise the error that ``command`` got no good answer in time, and ``said`` instead."""
        words = f"only {said[:60]!r}" if said else "nothing"
        raise self.error(
            f"the board answers {words} to `{command[:40]}` within {limit_s:g} s",
            "check port and baud rate, reset the board, or give it more time with --timeout",
        )

    def error(self, what: str, fix: str) -> ToolkitError:
        """Return an error of the board's."""
        return ToolkitError(what, at=self.port, fix=fix, exit_code=DEVICE)
