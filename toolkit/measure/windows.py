"""Timed windows: a run repeated so often that a clock or a meter sees it well, several times over."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass

from toolkit.errors import DEVICE, ToolkitError

CLOCK_US = 1.0  # the resolution of a board's clock
_MOST_RUNS = 999_999_999  # that a command can ask for
_LONGEST_S = 60.0  # a window; drivers' clocks want to be read more often than that


@dataclass(frozen=True)
class Windows:
    """Times of one run in microseconds, a mean over ``runs`` in each window."""

    runs: int
    us: tuple[float, ...]

    @property
    def median_us(self) -> float:
        """The median of the windows."""
        return statistics.median(self.us)

    @property
    def uncertainty_us(self) -> float:
        """Some 95 % of windows lie within the median plus or minus this: twice their deviation and the clock's."""
        spread = statistics.stdev(self.us) if len(self.us) > 1 else 0.0
        clock = CLOCK_US / self.runs / math.sqrt(6)  # the difference of two readings, each rounded down
        return 2 * math.hypot(spread, clock)


def choose_runs(run: Callable[[int, float], int], window_s: float) -> tuple[int, float]:
    """Return how many runs take ``window_s``, and the seconds that they will take.

    Args:
        run: takes how often to run and about how long that will take in seconds; returns microseconds.
        window_s: what a window should last, up to 60.

    Raises:
        ToolkitError: the length is no good (2), the board's clock stands still (4).
    """
    if not 0 < window_s <= _LONGEST_S:
        raise ToolkitError(
            f"a window of {window_s:g} s", fix=f"choose one between 0 and {_LONGEST_S:g} s with --window"
        )
    runs, us = 1, run(1, 0.0)
    while us < 1e5 * window_s and runs < _MOST_RUNS:
        runs = min(_MOST_RUNS, max(2 * runs, int(runs * 2e5 * window_s / us) if us else 16 * runs))
        us = run(runs, 1e-6 * us * runs)
        if not us and runs > 1 << 24:
            raise ToolkitError(
                "the board's clock stands still", fix="look at tk_time_us of its driver", exit_code=DEVICE
            )
    chosen = min(_MOST_RUNS, max(1, math.ceil(runs * window_s * 1e6 / max(us, 1))))
    return chosen, 1e-6 * us * chosen / runs


def measure(run: Callable[[int, float], int], window_s: float, count: int) -> Windows:
    """Time ``count`` windows of at least about ``window_s``. Arguments and errors as of ``choose_runs``."""
    runs, takes_s = choose_runs(run, window_s)
    return Windows(runs, tuple(run(runs, takes_s) / runs for _ in range(count)))
