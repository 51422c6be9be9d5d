"""What a meter gives: power over time, with marks, lost samples and how far its clock may be from the host's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.errors import DEVICE, ToolkitError


@dataclass(frozen=True)
class Trace:
    """Power in n intervals, one behind the other.

    Args:
        edges_s: float64 (n + 1): when intervals begin and end, in seconds of ``time.monotonic()`` on the host.
        power_w: float64 (n): mean power of each interval; NaN where the meter lost samples.
        marker: uint8 (n): the level of the meter's marking input, or None where it has none.
        saturated: bool (n): where the meter was at its limit, or None where it never is.
        clock_s: the host's times and the meter's may be apart by this much, either way.

    Raises:
        ToolkitError: there is no sample, or lengths or the order of times are wrong.
    """

    edges_s: np.ndarray
    power_w: np.ndarray
    marker: np.ndarray | None = None
    saturated: np.ndarray | None = None
    clock_s: float = 0.0

    def __post_init__(self) -> None:
        count = len(self.power_w)
        if not count:
            raise ToolkitError(
                "the meter has given no sample", fix="check its wiring and its port", exit_code=DEVICE
            )
        same = [self.marker, self.saturated]
        if len(self.edges_s) != count + 1 or any(each is not None and len(each) != count for each in same):
            raise ToolkitError("a trace's arrays have other lengths", fix="give n + 1 edges and n values")
        if not np.isfinite(self.edges_s).all() or (np.diff(self.edges_s) <= 0).any():
            at = int(np.argmax(~(np.diff(self.edges_s) > 0)))
            raise ToolkitError(
                "a trace's times do not rise", at=f"sample {at}", fix="sort the trace by time, drop doubles"
            )
        if np.isinf(self.power_w).any():
            raise ToolkitError("a trace's power is infinite", fix="repair the trace")

    @property
    def duration_s(self) -> float:
        """From the first interval's begin to the last one's end."""
        return float(self.edges_s[-1] - self.edges_s[0])

    def slice(self, start_s: float, end_s: float) -> slice:
        """Return which intervals touch the time from ``start_s`` to ``end_s``."""
        first = int(np.searchsorted(self.edges_s, start_s, side="right")) - 1
        last = int(np.searchsorted(self.edges_s, end_s, side="left"))
        return slice(max(first, 0), min(last, len(self.power_w)))

    def _inside(self, start_s: float, end_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the power of each interval and how many seconds of it lie inside."""
        part = self.slice(start_s, end_s)
        edges = np.clip(self.edges_s[part.start : part.stop + 1], start_s, end_s)
        return self.power_w[part], np.diff(edges)

    def energy_j(self, start_s: float, end_s: float) -> float:
        """Return the energy from ``start_s`` to ``end_s`` in joules; lost samples count as the mean of the others."""
        return self.mean_w(start_s, end_s) * (end_s - start_s)

    def mean_w(self, start_s: float, end_s: float) -> float:
        """Return the mean power from ``start_s`` to ``end_s`` of what was not lost; NaN where all was."""
        power, seconds = self._inside(start_s, end_s)
        known = ~np.isnan(power)
        total = float(seconds[known].sum())
        return float(power[known] @ seconds[known]) / total if total > 0 else float("nan")

    def lost_share(self, start_s: float, end_s: float) -> float:
        """Return the share of the time from ``start_s`` to ``end_s`` of which nothing is known, 0 to 1."""
        power, seconds = self._inside(start_s, end_s)
        return 1.0 - float(seconds[~np.isnan(power)].sum()) / (end_s - start_s)

    def is_saturated(self, start_s: float, end_s: float) -> bool:
        """Return whether the meter was at its limit somewhere within this time."""
        return self.saturated is not None and bool(self.saturated[self.slice(start_s, end_s)].any())
