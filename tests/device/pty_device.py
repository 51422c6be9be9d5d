"""Something at the other end of a pseudo terminal, where the real driver or tool is at this one."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import time
import tty
from types import TracebackType
from typing import Self

_TICK_S = 0.005


class PtyDevice:
    """One end of a serial line. ``port`` is the path that a driver opens. Use it in a ``with`` statement.

    A subclass answers in ``received``, and does in ``tick`` what time brings. It sends what the line takes. What goes
    wrong in either is raised at the end of the ``with`` statement.
    """

    def __init__(self) -> None:
        self._end, self._far = (
            os.openpty()
        )  # the far end is held open: a pty without a reader answers with errors
        for end in (self._end, self._far):
            tty.setraw(end)
        self.port = os.ttyname(self._far)
        os.set_blocking(self._end, False)
        self._to_send = bytearray()
        self._off = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._serve, name=type(self).__name__, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
        if self._failure is not None:
            raise self._failure

    def unplug(self) -> None:
        """Take the device away: the driver's next read or write fails."""
        self._off.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(5)
        for end in (self._end, self._far):
            if end >= 0:
                os.close(end)
        self._end = self._far = -1

    def received(self, data: bytes) -> None:
        """Take what the driver has sent, as it comes."""
        raise NotImplementedError

    def tick(self, now: float) -> None:
        """Do what time brings, every few milliseconds; ``now`` is of ``time.monotonic()``."""

    def send(self, data: bytes) -> None:
        """Queue ``data`` for the driver."""
        self._to_send += data

    def _serve(self) -> None:
        try:
            while not self._off.is_set():
                if select.select([self._end], [], [], _TICK_S)[0]:
                    with contextlib.suppress(OSError):  # nobody has the port open
                        self.received(os.read(self._end, 65536))
                self.tick(time.monotonic())
                with contextlib.suppress(BlockingIOError):
                    while self._to_send and not self._off.is_set():
                        del self._to_send[: os.write(self._end, self._to_send)]
        except BaseException as error:  # told at the end of the with statement
            self._failure = error
