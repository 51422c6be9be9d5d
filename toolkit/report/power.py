"""A meter's trace as one SVG picture: power over time, idle, and the windows that energy was taken from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from toolkit.measure.energy.marks import Span
from toolkit.measure.energy.trace import Trace
from toolkit.report.lines import Line, lines

_POINTS = 400


def power(title: str, trace: Trace, windows: Sequence[Span], idle: Span) -> Markup:
    """Return the picture.

    Args:
        title: what is shown.
        trace: of the meter; drawn as means of some hundred equal times.
        windows: of which the energy was taken.
        idle: of which the idle power was taken.
    """
    began = float(trace.edges_s[0])
    edges = np.linspace(began, float(trace.edges_s[-1]), min(_POINTS, len(trace.power_w)) + 1)
    means = np.array([trace.mean_w(float(a), float(b)) * 1e3 for a, b in itertools.pairwise(edges)])
    middles, known = (edges[1:] + edges[:-1]) / 2 - began, ~np.isnan(means)
    idle_mw = trace.mean_w(idle.start_s, idle.end_s) * 1e3
    steps_x, steps_y = [0.0], [idle_mw]
    for window in windows:
        mean = trace.mean_w(window.start_s, window.end_s) * 1e3
        steps_x += [
            window.start_s - began,
            window.start_s - began,
            window.end_s - began,
            window.end_s - began,
        ]
        steps_y += [idle_mw, mean, mean, idle_mw]
    drawn = [
        Line("power", _short(middles[known]), _short(means[known])),
        Line("windows, idle", [*_short(steps_x), round(trace.duration_s, 3)], _short([*steps_y, idle_mw])),
    ]
    most = float(np.nanmax(means))
    digit = 10.0 ** math.floor(math.log10(max(most, 1e-9)))
    return lines(title, drawn, x="seconds", y="mW", top=math.ceil(most / digit * 2) / 2 * digit)


def _short(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(value), 3) for value in values]
