"""Events of a camera that reports changes: where, when, brighter or darker; counted in frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Events:
    """Arrays of one length, in the order in which they were recorded.

    ``t`` is int64, microseconds; ``x``, ``y`` are int64, pixels from the upper left; ``p`` is int64, 1 for brighter and
    0 for darker.
    """

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray

    def between(self, start: int, end: int) -> Events:
        """Return the events from ``start`` up to ``end``, microseconds."""
        kept = (self.t >= start) & (self.t < end)
        return Events(self.t[kept], self.x[kept], self.y[kept], self.p[kept])

    def check(self, width: int, height: int) -> None:
        """Raise ``ValueError`` if an event lies outside the camera's pixels."""
        if len(self.t) and (self.x.max() >= width or self.y.max() >= height):
            raise ValueError(f"an event at ({self.x.max()}, {self.y.max()}) of {width} x {height} pixels")


def frames(
    events: Events, start: int, end: int, steps: int, width: int, height: int, shrink: int = 1
) -> np.ndarray:
    """Return how many events each pixel had, float32 ``(steps, 2, height / shrink, width / shrink)``: darker, brighter.

    Args:
        events: those outside ``start`` up to ``end``, microseconds, are left out.
        start: of the first frame.
        end: of the last one; all of them are equally long.
        steps: how many frames.
        width: of the camera, pixels.
        height: of the camera, pixels.
        shrink: so many pixels each way are counted as one.

    Raises:
        ValueError: there is no time between start and end, or an event lies outside the camera.
    """
    if end <= start:
        raise ValueError(f"no time from {start} to {end} us")
    events.check(width, height)
    inside = events.between(start, end)
    step = (inside.t - start) * steps // (end - start)
    shape = (steps, 2, height // shrink, width // shrink)
    place = np.ravel_multi_index((step, inside.p, inside.y // shrink, inside.x // shrink), shape)
    return np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(np.float32)
