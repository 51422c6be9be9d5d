"""The Pareto front: what nothing else beats, as far as that is known."""

from __future__ import annotations

from collections.abc import Sequence

Point = Sequence[float | None]


def front(points: Sequence[Point], high: Sequence[bool], within: Sequence[Point] = ()) -> list[bool]:
    """Return which of ``points`` are on the front.

    One point beats another when it is at least as good along every axis, and along one it is better by more than both
    uncertainties together. So what only seems worse is not left out, and without uncertainties it is the usual front.

    Args:
        points: values along the same axes. A point that lacks one is not on the front, and beats nobody.
        high: for each axis, that more is better.
        within: the uncertainty of each value; None, or none given, where a value is exact or nobody said.
    """
    uncertain = within or [[None] * len(high)] * len(points)
    turned = [_turned(*each, high) for each in zip(points, uncertain, strict=True)]
    known = [point for point in turned if point is not None]
    return [point is not None and not any(_beats(other, point) for other in known) for point in turned]


def _turned(point: Point, within: Point, high: Sequence[bool]) -> list[tuple[float, float]] | None:
    """Return values of which less is better, each with its uncertainty; None where one is not known."""
    found = [
        (-value if up else value, error or 0.0)
        for value, error, up in zip(point, within, high, strict=True)
        if value is not None
    ]
    return found if len(found) == len(high) else None


def _beats(one: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]]) -> bool:
    """True when ``one`` is nowhere larger than ``other``, and somewhere smaller by more than both uncertainties."""
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for (a, _), (b, _) in pairs) and any(
        b - a > error + other_error for (a, error), (b, other_error) in pairs
    )
