"""Learning rates as functions of the step, so that a resumed run needs no state."""

from __future__ import annotations

from math import cos, pi

from toolkit.learn.settings import TrainSettings

_ONE_CYCLE_START = 1 / 25
_ONE_CYCLE_END = 1e-5


def learning_rate(step: int, steps: int, settings: TrainSettings) -> float:
    """Return the learning rate of ``step`` (from 0) out of ``steps``."""
    rising = round(settings.warmup * steps)
    if settings.schedule == "one-cycle":
        if step < rising:
            return settings.learning_rate * _between(_ONE_CYCLE_START, 1.0, step / rising)
        return settings.learning_rate * _between(
            1.0, _ONE_CYCLE_END, (step - rising) / max(1, steps - rising - 1)
        )
    if step < rising:
        return settings.learning_rate * (step + 1) / rising
    return settings.learning_rate * _between(1.0, 0.0, (step - rising) / (steps - rising))


def _between(start: float, end: float, fraction: float) -> float:
    """Go from ``start`` to ``end`` along half a cosine."""
    return end + (start - end) * (1 + cos(pi * fraction)) / 2
