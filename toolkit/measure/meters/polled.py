"""What meters share that are asked again and again: a thread that asks, and when each answer came."""

from __future__ import annotations

import threading
import time
from abc import abstractmethod

from toolkit.errors import DEVICE, ToolkitError
from toolkit.measure.energy.trace import Trace
from toolkit.measure.meters.base import Meter

_JOIN_S = 5.0


class PolledMeter(Meter):
    """A meter whose ``ask`` waits for its next value. Each value stands for the time since the one before."""

    def start(self) -> None:
        """See ``Meter.start``."""
        self._ended = threading.Event()
        self._failure: ToolkitError | None = None
        self._times: list[float] = []
        self._values: list[tuple[float, ...]] = []
        self._thread = threading.Thread(target=self._poll, name=f"{self.FACTS.title} polling", daemon=True)
        self._thread.start()

    def stop(self) -> Trace:
        """See ``Meter.stop``."""
        self._ended.set()
        self._thread.join(_JOIN_S)
        if self._failure is not None:
            raise self._failure
        if self._thread.is_alive() or len(self._times) < 2:
            raise ToolkitError(
                f"{self.FACTS.title} has given {len(self._times)} values",
                at=str(self.port or ""),
                fix="measure for longer, and check its wiring",
                exit_code=DEVICE,
            )
        return self.trace(self._times, self._values)

    @abstractmethod
    def ask(self) -> tuple[float, ...]:
        """Wait for the next value and return it. Raises ``ToolkitError`` when it does not come."""

    @abstractmethod
    def trace(self, times_s: list[float], values: list[tuple[float, ...]]) -> Trace:
        """Return the trace of values and of the host's times at which they came; at least two."""

    def _poll(self) -> None:
        try:
            while not self._ended.is_set():
                value = self.ask()
                self._times.append(time.monotonic())
                self._values.append(value)
        except ToolkitError as error:
            self._failure = error
