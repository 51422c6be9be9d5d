"""What emulated instruments share: a pty at whose other end the real driver is, and a thread that serves it."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
import tty
from types import TracebackType
from typing import Self

from tests.device.known_load import KnownLoad

_TICK_S = 0.005


class Instrument:
    """One end of a serial line. ``port`` is the path that a driver opens.

    A subclass answers in ``received`` and sends what it measures in ``tick``. It sends what the line takes: where
    nobody reads, samples are lost, as on USB.
    """

    def __init__(self, load: KnownLoad) -> None:
        self.load = load
        self._end, far = os.openpty()
        tty.setraw(self._end)
        tty.setraw(far)
        self._far: int | None = far  # held open: a pty without a reader answers with errors
        self.port = os.ttyname(far)
        os.set_blocking(self._end, False)
        self._to_send = bytearray()
        self._off = threading.Event()
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        if self.failure is not None:
            raise self.failure

    def unplug(self) -> None:
        """Take the instrument away: the driver's next read or write fails."""
        if self._off.is_set():
            return
        self._off.set()
        self._thread.join(5)
        os.close(self._end)
        if self._far is not None:
            os.close(self._far)

    def received(self, data: bytes) -> None:
        """Take what the driver has sent."""
        raise NotImplementedError

    def tick(self, now: float) -> None:
        """Do what time brings; the load's lock is held."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Queue ``data`` for the driver."""
        self._to_send += data

    def _serve(self) -> None:
        try:
            while not self._off.is_set():
                ready, _, _ = select.select([self._end], [], [], _TICK_S)
                if ready:
                    with contextlib.suppress(OSError):
                        self.received(os.read(self._end, 4096))
                with self.load.lock:
                    self.tick(time.monotonic())
                with contextlib.suppress(BlockingIOError):
                    while self._to_send:
                        del self._to_send[: os.write(self._end, self._to_send)]
        except BaseException as error:  # told at the end of the with statement
            self.failure = error
