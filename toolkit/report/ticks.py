"""Round values for the axes of pictures."""

from __future__ import annotations

from math import ceil, floor, log10

_MOST_TICKS = 7  # of an axis in powers of ten


def round_values(low: float, high: float) -> list[float]:
    """Return three to seven round values that enclose ``low`` and ``high``."""
    span = (high - low) or abs(high) or 1.0
    raw = span / 4
    unit = 10 ** floor(log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    if first == last:
        last += 1
    return [round(step * index, 12) for index in range(first, last + 1)]


def decades(low: float, high: float) -> list[float]:
    """Return round values from ``low`` to ``high``, both positive, for an axis in powers of ten."""
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in powers for digit in digits]
        inside = [value for value in found if low <= value <= high]
        if len(inside) <= _MOST_TICKS:
            return inside
    step = ceil(len(powers) / _MOST_TICKS)
    return [10.0**power for power in powers[::step] if low <= 10.0**power <= high]
