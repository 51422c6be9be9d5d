"""A device under test whose current is known at every moment, for emulated meters."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import numpy as np

OPEN = float("inf")


class KnownLoad:
    """It draws ``idle_a``, and ``busy_a`` while it works; its marking pin is high then, and low again after.

    Args:
        idle_a: current at rest, amperes.
        busy_a: current while it works.
        noise_a: standard deviation of white noise on each sample.
        voltage: of its supply.
        seed: of the noise.

    Times are those of ``time.monotonic()``.
    """

    def __init__(
        self, idle_a: float, busy_a: float, *, noise_a: float = 0.0, voltage: float = 3.3, seed: int = 0
    ) -> None:
        self.idle_a, self.busy_a, self.noise_a, self.voltage = idle_a, busy_a, noise_a, voltage
        self.spans: list[tuple[float, float]] = []
        self.marked: list[tuple[float, float]] | None = None  # when the pin is high, if somebody else sets it
        self.lock = threading.Lock()  # who samples holds it, so that no span begins in the past
        self._noise = np.random.default_rng(seed)

    def begin(self) -> None:
        """Start to work now."""
        with self.lock:
            self.spans.append((time.monotonic(), OPEN))

    def end(self) -> None:
        """Rest from now on."""
        with self.lock:
            self.spans[-1] = (self.spans[-1][0], time.monotonic())

    def work(self, seconds: float) -> None:
        """Work for exactly so long, and return some time after."""
        with self.lock:
            began = time.monotonic()
            self.spans.append((began, began + seconds))
        time.sleep(max(0.0, began + seconds - time.monotonic()))

    @contextlib.contextmanager
    def busy(self) -> Iterator[None]:
        """Work inside the block."""
        self.begin()
        try:
            yield
        finally:
            self.end()

    def pin(self, at: np.ndarray) -> np.ndarray:
        """Return 1 for each time at which it works, else 0, uint8."""
        level = np.zeros(len(at), np.uint8)
        for start, end in (self.spans if self.marked is None else self.marked)[-64:]:
            level[(at >= start) & (at < end)] = 1
        return level

    def mark(self, level: int) -> None:
        """Set the pin from now on, whether it works or not."""
        with self.lock:
            self.marked = [] if self.marked is None else self.marked
            high = bool(self.marked) and self.marked[-1][1] == OPEN
            if level and not high:
                self.marked.append((time.monotonic(), OPEN))
            elif high and not level:
                self.marked[-1] = (self.marked[-1][0], time.monotonic())

    def current(self, at: np.ndarray) -> np.ndarray:
        """Return the current at each time in amperes, with noise."""
        busy = np.zeros(len(at), bool)
        for start, end in self.spans[-64:]:
            busy |= (at >= start) & (at < end)
        clean = np.where(busy, self.busy_a, self.idle_a)
        return clean + self._noise.normal(0.0, self.noise_a, len(at)) if self.noise_a else clean

    def edges(self, since: float, until: float) -> list[tuple[float, bool]]:
        """Return (time, rising) of the pin's edges within a time."""
        both = [(start, True) for start, _ in self.spans] + [(end, False) for _, end in self.spans]
        return sorted(edge for edge in both if since <= edge[0] < until)

    def net_energy_j(self) -> list[float]:
        """Return what each span took above the idle current, in joules, without noise."""
        above = (self.busy_a - self.idle_a) * self.voltage
        return [(end - start) * above for start, end in self.spans if end != OPEN]
