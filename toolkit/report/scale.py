"""The scale of an axis: values to pixels, linear or in powers of ten."""

from __future__ import annotations

import math
from collections.abc import Sequence

from toolkit.report.ticks import decades, round_values

_PAD = 0.08  # of an axis, on each side
_LOG_FROM = 10  # the largest over the smallest value, from which an axis is in powers of ten


class Scale:
    """Of ``values``, each with its uncertainty or None; pixels go from ``start`` as far as ``length``, either way."""

    def __init__(self, values: Sequence[tuple[float, float | None]], start: float, length: float) -> None:
        low, high = min(value for value, _ in values), max(value for value, _ in values)
        self.log = low > 0 and high / low >= _LOG_FROM
        least = (
            low / _LOG_FROM if self.log else -math.inf
        )  # no axis in powers of ten has room for "down to nothing"
        ends = [max(value - (within or 0), least) for value, within in values]
        ends += [value + (within or 0) for value, within in values]
        first, last = (self._number(end(ends)) for end in (min, max))
        pad = _PAD * ((last - first) or abs(last) or 1.0)
        self.first, self.last, self.start, self.length = first - pad, last + pad, start, length

    def at(self, value: float) -> float:
        """Return the pixel of ``value``; what is less than the axis has room for is at its beginning."""
        number = max(self._number(value), self.first) if value > 0 or not self.log else self.first
        return self.start + self.length * (number - self.first) / (self.last - self.first)

    def _number(self, value: float) -> float:
        return math.log10(value) if self.log else value

    def ticks(self) -> list[float]:
        """Return the values to write at the axis."""
        if self.log:
            return decades(10**self.first, 10**self.last)
        return [value for value in round_values(self.first, self.last) if self.first <= value <= self.last]
