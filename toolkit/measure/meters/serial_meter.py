"""What meters share that stream over a serial port of their own: it is opened, told to begin, and let go."""

from __future__ import annotations

import contextlib
import time
from abc import abstractmethod
from typing import ClassVar

from toolkit.errors import DEVICE, ToolkitError
from toolkit.measure.meters.base import Meter, Options
from toolkit.measure.meters.serial_stream import SerialStream


class SerialMeter(Meter):
    """A meter whose port is its serial port. Errors call it ``SHORT``; ``FOUND`` says more of how to find it."""

    SHORT: ClassVar[str]
    BAUD: ClassVar[int]
    START: ClassVar[bytes]
    FOUND: ClassVar[str] = ""

    def __init__(self, port: str | None, options: Options) -> None:
        super().__init__(port, options)
        self._stream: SerialStream | None = None
        self._commanded_s = 0.0  # when it was told to start

    @property
    def stream(self) -> SerialStream:
        """Its line, from ``open`` to ``close``."""
        assert self._stream is not None, "not open"
        return self._stream

    def open(self) -> None:
        """See ``Meter.open``. Where it feeds the board, it does from here on."""
        if self.port is None:
            raise ToolkitError(
                f"the {self.SHORT} is found by its serial port",
                fix=f"add --meter-port; `toolkit ports` lists them{self.FOUND}",
            )
        self._stream = SerialStream(self.port, self.BAUD, f"the {self.SHORT}")
        try:
            self.set_up()
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """See ``Meter.start``."""
        self.stream.drain(0.02)
        self._commanded_s = time.monotonic()
        self.stream.write(self.START)
        self.stream.collect()

    def close(self) -> None:
        """See ``Meter.close``. The board's supply stays on, so that it goes on after the measurement."""
        if self._stream is None:
            return
        with contextlib.suppress(ToolkitError):  # it is gone, which whoever measured has been told
            self.let_go()
        self._stream.close()
        self._stream = None

    @abstractmethod
    def set_up(self) -> None:
        """Make it ready to measure, the line being open. Raises ``ToolkitError`` as ``open``."""

    @abstractmethod
    def let_go(self) -> None:
        """Say to the meter that this was all."""

    def failed(self, what: str, fix: str) -> ToolkitError:
        """Return the error that the meter ``what``, as in "has sent no samples"."""
        return ToolkitError(f"the {self.SHORT} {what}", at=str(self.port), fix=fix, exit_code=DEVICE)
