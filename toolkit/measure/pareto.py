"""The Pareto front: what nothing else beats in everything at once."""

from __future__ import annotations

from collections.abc import Sequence

Point = Sequence[float | None]


def front(points: Sequence[Point], high: Sequence[bool]) -> list[bool]:
    """Return which of ``points`` are on the front.

    Args:
        points: values along the same axes. A point that lacks one is not on the front, and beats nobody.
        high: for each axis, that more is better.
    """
    turned = [
        None
        if any(value is None for value in point)
        else [-value if up else value for value, up in zip(point, high, strict=True) if value is not None]
        for point in points
    ]
    known = [point for point in turned if point is not None]
    return [point is not None and not any(beats(other, point) for other in known) for point in turned]


def beats(one: Sequence[float], other: Sequence[float]) -> bool:
    """True when ``one`` is nowhere larger than ``other`` and somewhere smaller."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)
