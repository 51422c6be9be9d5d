"""Something at the other end of a pseudo terminal."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from typing import Self


class PtyDevice:
    """``port`` is the pseudo terminal's name; ``receive`` gets what is sent to it. Use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._end, self._other = pty.openpty()
        for end in (self._end, self._other):
            tty.setraw(end)
        self.port = os.ttyname(self._other)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def receive(self, data: bytes) -> None:
        """Take what was sent, as it comes."""
        raise NotImplementedError

    def send(self, data: bytes) -> None:
        """Send to whoever has the port open."""
        os.write(self._end, data)

    def cut(self) -> None:
        """Pull the plug: the port goes away."""
        self._stop.set()
        for end in (self._end, self._other):
            os.close(end)
        self._end = self._other = -1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        if self._end >= 0:
            self.cut()

    def _serve(self) -> None:
        while not self._stop.is_set():
            if select.select([self._end], [], [], 0.05)[0]:
                try:
                    data = os.read(self._end, 65536)
                except OSError:  # nobody has the port open
                    self._stop.wait(0.02)
                    continue
                self.receive(data)
