"""Energy of one run from a meter's trace, its windows and an idle time, with what makes it uncertain.

Uncertainties are put together as in the Guide to the expression of uncertainty in measurement (JCGM 100:2008): limits
of error count as evenly spread (their standard deviation is the limit / √3), repeated values by Student's t. What is
given is for 95 %.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import DEVICE, ToolkitError
from toolkit.measure.energy.marks import Span, Window
from toolkit.measure.energy.trace import Trace
from toolkit.measure.figure import Figure
from toolkit.measure.meters.base import Accuracy

MOST_LOST = 0.01
_COVERAGE = 2.0  # for 95 % of a normal distribution, as is usual
_BLOCKS = 10
# Student's t for 95 %, two-sided, by degrees of freedom from 1
_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13)


@dataclass(frozen=True)
class WindowEnergy:
    """One window: its runs, how long it was, and its energy with and without what the board takes idle."""

    runs: int
    seconds: float
    gross_j: float
    net_j: float
    lost_share: float


@dataclass(frozen=True)
class RunEnergy:
    """What one run takes.

    Args:
        gross_uj: energy of the whole board or chip that the meter feeds, in microjoules.
        net_uj: the same without what it would have taken idle.
        seconds: of one run, by the windows.
        idle_w: power at rest, in watts.
        busy_w: power inside windows.
        windows: each window.
        parts_uj: what the uncertainty of ``net_uj`` consists of, each for 95 %: ``meter`` (its stated accuracy),
            ``spread`` (noise and what differs between windows), ``edges`` (of windows), ``idle`` (its spread), ``lost``
            (samples).
        notes: what a reader has to know.
    """

    gross_uj: Figure
    net_uj: Figure
    seconds: Figure
    idle_w: Figure
    busy_w: float
    windows: list[WindowEnergy]
    parts_uj: dict[str, float]
    notes: list[str]


def evaluate(
    trace: Trace, windows: Sequence[Window], idle: Span, accuracy: Accuracy, meter: str = ""
) -> RunEnergy:
    """Return the energy of one run.

    Args:
        trace: of the meter.
        windows: of ``by_marks`` or ``by_times``.
        idle: a time at which the board only waited, before the windows.
        accuracy: of the meter.
        meter: its name, for the figures' source.

    Raises:
        ToolkitError: there are no windows or no idle time; samples were lost, or the meter was at its limit (4).
    """
    if not windows:
        raise ToolkitError("there is no window to take energy from", fix="mark at least one")
    _check(trace, idle, "the idle time", idle=True)
    for index, window in enumerate(windows):
        _check(trace, window, f"window {index}")
        if window.start_s < idle.end_s and idle.start_s < window.end_s:
            raise ToolkitError(
                f"window {index} and the idle time overlap",
                fix="measure idle before the work begins",
                exit_code=DEVICE,
            )
    idle_w = trace.mean_w(idle.start_s, idle.end_s)
    idle_standard = _standard_error(_blocks(trace, idle))
    found = []
    for window in windows:
        gross = trace.energy_j(window.start_s, window.end_s)
        lost = trace.lost_share(window.start_s, window.end_s)
        found.append(WindowEnergy(window.runs, window.seconds, gross, gross - idle_w * window.seconds, lost))
    runs, seconds = sum(w.runs for w in found), sum(w.seconds for w in found)
    gross, net = sum(w.gross_j for w in found) / runs, sum(w.net_j for w in found) / runs
    run_s, busy_w = seconds / runs, sum(w.gross_j for w in found) / seconds
    spread = _spread([w.net_j / w.runs for w in found], trace, windows)
    edge_s = float(np.mean([w.edge_s for w in windows])) * len(windows) / runs  # for one run
    edges = abs(busy_w - idle_w) * edge_s * math.sqrt(2)
    lost = max(w.lost_share for w in found) * run_s * _range_w(trace, windows)
    share, offset = accuracy.share, accuracy.offset_w * run_s
    parts = {
        "meter": _limits(share * gross, share * idle_w * run_s, math.sqrt(2) * offset),
        "spread": spread,
        "edges": _limits(edges),
        "idle": idle_standard * run_s,
        "lost": _limits(lost / 2),
    }
    gross_edges = _limits(busy_w * edge_s * math.sqrt(2))
    whole = math.hypot(_limits(share * gross, offset), spread, gross_edges, parts["lost"])
    notes = [] if accuracy.stated else [f"no document states this meter's accuracy: {accuracy.source}"]
    uncertain = math.hypot(*parts.values())
    if net <= uncertain:
        notes.append("the work takes hardly more than idling: the net energy is within its uncertainty")
    return RunEnergy(
        gross_uj=Figure(gross * 1e6, "measured", _source(meter, len(windows), runs), whole * 1e6),
        net_uj=Figure(net * 1e6, "measured", _source(meter, len(windows), runs, idle_w), uncertain * 1e6),
        seconds=Figure(run_s, "measured", f"{len(windows)} windows", _limits(edge_s * math.sqrt(2))),
        idle_w=Figure(
            idle_w, "measured", meter, math.hypot(idle_standard, _limits(share * idle_w, accuracy.offset_w))
        ),
        busy_w=busy_w,
        windows=found,
        parts_uj={name: value * 1e6 for name, value in parts.items()},
        notes=notes,
    )


def _source(meter: str, windows: int, runs: int, idle_w: float | None = None) -> str:
    above = "" if idle_w is None else f", above {idle_w * 1e3:.4g} mW idle"
    return f"{meter or 'a meter'}, {windows} windows, {runs:,} runs{above}"


def _limits(*limits: float) -> float:
    """Return the 95 % uncertainty of independent limits of error."""
    return _COVERAGE * math.hypot(*limits) / math.sqrt(3)


def _student(values: int) -> float:
    return _STUDENT[min(values - 1, len(_STUDENT)) - 1] if values > 1 else 0.0


def _standard_error(values: np.ndarray) -> float:
    """Return the 95 % uncertainty of the mean of repeated values."""
    if len(values) < 2:
        return 0.0
    return _student(len(values)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))


def _spread(per_run: list[float], trace: Trace, windows: Sequence[Window]) -> float:
    """From window to window; within the only one, from block to block."""
    if len(per_run) > 1:
        return _standard_error(np.array(per_run))
    return _standard_error(_blocks(trace, windows[0])) * windows[0].seconds / windows[0].runs


def _blocks(trace: Trace, span: Span) -> np.ndarray:
    """Return the mean power of some blocks of a time, as many as there are samples for."""
    part = trace.slice(span.start_s, span.end_s)
    count = min(_BLOCKS, part.stop - part.start)
    edges = np.linspace(span.start_s, span.end_s, count + 1)
    means = np.array([trace.mean_w(a, b) for a, b in itertools.pairwise(edges)])
    return means[~np.isnan(means)]


def _range_w(trace: Trace, windows: Sequence[Window]) -> float:
    parts = [trace.power_w[trace.slice(w.start_s, w.end_s)] for w in windows]
    known = np.concatenate(parts)
    return float(np.nanmax(known) - np.nanmin(known))


def _check(trace: Trace, span: Span, what: str, *, idle: bool = False) -> None:
    if not span.end_s > span.start_s:
        raise ToolkitError(
            f"{what} has no length", fix="measure idle before the work, at least for a tenth of a second"
        )
    if span.start_s < trace.edges_s[0] - 1e-9 or span.end_s > trace.edges_s[-1] + 1e-9:
        fix = "start the meter before the work, and wait: the idle time is what is subtracted" if idle else ""
        raise ToolkitError(
            f"{what} is not in the trace", fix=fix or "let the meter run longer", exit_code=DEVICE
        )
    lost = trace.lost_share(span.start_s, span.end_s)
    if lost > MOST_LOST:
        raise ToolkitError(
            f"{lost:.1%} of the samples of {what} were lost",
            fix="use a USB port without a hub, another cable, close what else reads the meter, or lower its rate",
            exit_code=DEVICE,
        )
    if trace.is_saturated(span.start_s, span.end_s):
        raise ToolkitError(
            f"the meter was at its limit in {what}: the energy would come out too low",
            fix="use a meter for more current, a smaller shunt, or turn off what else the supply feeds",
            exit_code=DEVICE,
        )
