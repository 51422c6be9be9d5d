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
    if settings.schedule == "two-phase":
        middle = max(rising, steps // 2)
        if step < middle:
            return settings.learning_rate * (1 - (step - rising) / (middle - rising) / 3)
        return settings.learning_rate * (steps - step) / (steps - middle) / 3
    return settings.learning_rate * _between(1.0, 0.0, (step - rising) / (steps - rising))


def weight_decay(step: int, steps: int, settings: TrainSettings) -> float:
    """Return the weight decay of ``step`` (from 0) out of ``steps``.

    In the second phase of "two-phase" the shadow weights' magnitude is how sure a ternary weight is: decay would make
    them change their minds.
    """
    return 0.0 if settings.schedule == "two-phase" and step >= steps // 2 else settings.weight_decay


def _between(start: float, end: float, fraction: float) -> float:
    """Go from ``start`` to ``end`` along half a cosine."""
    return end + (start - end) * (1 + cos(pi * fraction)) / 2
