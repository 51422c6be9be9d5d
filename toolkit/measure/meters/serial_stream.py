"""A serial line to a meter: commands with answers, and a stream that a thread takes down with times of arrival."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from toolkit.device.serial_line import pyserial
from toolkit.errors import DEVICE, MISSING, ToolkitError

_POLL_S = 0.02
_MOST_BYTES = 1 << 30  # nobody measures that long


class SerialStream:
    """An open port. ``what`` is the meter's name for errors.

    Raises:
        ToolkitError: pyserial or the port is missing (3); all methods when the line breaks (4).
    """

    def __init__(self, port: str, baud: int, what: str) -> None:
        serial = pyserial()
        self.port, self.what = port, what
        self._failures: tuple[type[Exception], ...] = (serial.SerialException, OSError, ValueError, TypeError)
        try:
            self._line: Any = serial.serial_for_url(port, baudrate=baud, timeout=_POLL_S, write_timeout=2.0)
        except self._failures as error:
            raise ToolkitError(
                f"cannot open {what} at {port}: {error}",
                fix="look for its port with `toolkit ports`, plug it in, close what else uses it",
                exit_code=MISSING,
            ) from error
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._chunks: list[tuple[float, bytes]] = []
        self._broken: Exception | None = None

    def close(self) -> None:
        """Let the port go."""
        self._join()
        self._line.close()

    def write(self, data: bytes) -> None:
        """Send ``data``."""
        try:
            self._line.write(data)
            self._line.flush()
        except self._failures as error:
            raise self._broke(error) from error

    def read_until(self, done: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """Return what comes until ``done`` says that it is enough, or until ``timeout_s`` is over."""
        data, deadline = bytearray(), time.monotonic() + timeout_s
        while not done(bytes(data)) and time.monotonic() < deadline:
            try:
                data += self._line.read(max(1, self._line.in_waiting))
            except self._failures as error:
                raise self._broke(error) from error
            if len(data) > 1 << 20:
                break
        return bytes(data)

    def drain(self, quiet_s: float = 0.1, timeout_s: float = 2.0) -> None:
        """Throw away what comes until nothing has for ``quiet_s``."""
        deadline = time.monotonic() + timeout_s
        while self.read_until(lambda data: bool(data), quiet_s):
            if time.monotonic() > deadline:
                return

    def collect(self) -> None:
        """Take down all that comes from now on, in a thread."""
        self._chunks, self._broken = [], None
        self._ended.clear()
        self._thread = threading.Thread(target=self._take, name=f"{self.what} stream", daemon=True)
        self._thread.start()

    def collected(self) -> list[tuple[float, bytes]]:
        """End what ``collect`` began; return (time of arrival, bytes), in order."""
        self._join()
        if self._broken is not None:
            raise self._broke(self._broken) from self._broken
        return self._chunks

    def settle(self, quiet_s: float = 0.05, timeout_s: float = 2.0) -> None:
        """Wait until nothing has come for ``quiet_s``: what was on its way is there."""
        deadline, count = time.monotonic() + timeout_s, -1
        while count != len(self._chunks) and time.monotonic() < deadline:
            count = len(self._chunks)
            time.sleep(quiet_s)

    def latest(self) -> bytes:
        """Return the end of what was taken down so far."""
        return b"".join(data for _, data in self._chunks[-8:])

    def _take(self) -> None:
        total = 0
        while not self._ended.is_set() and total < _MOST_BYTES:
            try:
                data = self._line.read(max(1, self._line.in_waiting))
            except self._failures as error:
                self._broken = error
                return
            if data:
                total += len(data)
                self._chunks.append((time.monotonic(), data))

    def _join(self) -> None:
        if self._thread is not None:
            self._ended.set()
            self._thread.join(5.0)
            self._thread = None

    def _broke(self, error: Exception) -> ToolkitError:
        return ToolkitError(
            f"the line to {self.what} broke: {error}",
            at=self.port,
            fix="plug the meter in again, and try another cable",
            exit_code=DEVICE,
        )
