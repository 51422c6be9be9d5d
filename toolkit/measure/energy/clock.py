"""When a meter's samples were taken, by the host's clock, from when they arrived."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import DEVICE, ToolkitError

_NEAR_S = 1.0  # of begin and end: how much of a trace tells the offset there
_MOST_DRIFT = 5e-3  # two quartz clocks differ by less than a part in thousand


@dataclass(frozen=True)
class Clock:
    """``start_s``: when the first sample began, by the host's clock, give or take ``uncertainty_s``."""

    start_s: float
    period_s: float
    uncertainty_s: float

    def edges(self, samples: int) -> np.ndarray:
        """Return when samples begin and end, (samples + 1)."""
        return self.start_s + self.period_s * np.arange(samples + 1)


def fit(commanded_s: float, arrivals: Sequence[tuple[int, float]], period_s: float, what: str) -> Clock:
    """Return the meter's clock as the host sees it.

    A sample arrives after it was taken, sooner or later: what came soonest tells the offset. The first one was taken
    after the command was given. Where the trace is long, its end tells how much faster or slower the meter's clock is.

    Args:
        commanded_s: the host's time before the meter was told to start.
        arrivals: how many samples there were, lost ones counted, and the host's time, at each arrival.
        period_s: of the meter's samples, by its own clock.
        what: the meter, for errors.

    Raises:
        ToolkitError: nothing arrived, or the clocks differ by more than clocks do: samples were lost unseen.
    """
    if not arrivals:
        raise ToolkitError(
            f"{what} has sent no samples", fix="plug it in again, check the port", exit_code=DEVICE
        )
    samples = np.array([count for count, _ in arrivals], np.float64)
    offsets = np.array([time for _, time in arrivals]) - samples * period_s
    seconds = samples * period_s
    early, late = seconds <= seconds[0] + _NEAR_S, seconds >= seconds[-1] - _NEAR_S
    latest = float(offsets[early].min())
    drift = 0.0
    if seconds[-1] > 4 * _NEAR_S:
        apart = seconds[late][offsets[late].argmin()] - seconds[early][offsets[early].argmin()]
        drift = (float(offsets[late].min()) - latest) / float(apart)
        if abs(drift) > _MOST_DRIFT:
            raise ToolkitError(
                f"{what} has given {abs(drift):.1%} {'fewer' if drift > 0 else 'more'} samples than its rate says",
                fix="use another USB port without a hub, close what else reads it, or a lower rate",
                exit_code=DEVICE,
            )
    width = max(latest - commanded_s, 0.0)
    return Clock(latest - width / 2, period_s * (1 + drift), width / 2)
