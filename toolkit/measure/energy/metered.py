"""Energy of repeated work with a meter: idle first, then windows of many runs, then what the trace says of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from toolkit.errors import DEVICE, ToolkitError
from toolkit.measure.energy import marks
from toolkit.measure.energy.marks import Span, Window
from toolkit.measure.energy.trace import Trace
from toolkit.measure.energy.window_energy import RunEnergy, evaluate
from toolkit.measure.meters.base import Accuracy, Meter
from toolkit.measure.windows import choose_runs

IDLE_S, WINDOWS = 1.0, 5
_REST_S = 0.05  # between windows, so that marks are apart
_EDGE = 0.05  # of the idle time, at both its ends: what was before has to fade

Run = Callable[[int, float], int]  # (how often, about how many seconds it takes) to microseconds


@dataclass(frozen=True)
class Metering:
    """An open meter, what it is called, and how many seconds to watch the board idle."""

    meter: Meter
    name: str
    idle_s: float = IDLE_S


def measure_each(
    metering: Metering,
    jobs: Mapping[str, Run],
    window_s: float,
    windows: int,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, RunEnergy]:
    """Measure the energy of one run of each job, by name.

    Windows last ``window_s``, or as long as the meter needs if that is longer. Other arguments and errors are those of
    ``measure``.
    """
    found = {}
    for name, run in jobs.items():
        runs, takes_s = choose_runs(run, max(window_s, metering.meter.FACTS.window_s))
        progress(f"energy of one {name}")
        found[name] = measure(
            metering.meter, run, runs, takes_s,
            name=metering.name, windows=windows, idle_s=metering.idle_s, progress=progress,
        )  # fmt: skip
    return found


def measure(
    meter: Meter,
    run: Run,
    runs: int,
    takes_s: float,
    *,
    name: str = "",
    windows: int = WINDOWS,
    idle_s: float = IDLE_S,
    progress: Callable[[str], None] = lambda _: None,
) -> RunEnergy:
    """Measure the energy of one run.

    Windows are where the meter's marking input says, if it has one that is in use; else where the board's own time of
    each window fits between the command and its answer, which is uncertain by the time that both take on the line.

    Args:
        meter: an open meter that feeds, or is in the supply of, what runs.
        run: does the work so often, given about how long that will take in seconds; returns its microseconds.
        runs: of each window; enough for ``meter.FACTS.window_s`` (``toolkit.measure.windows.choose_runs``).
        takes_s: about how long ``runs`` take.
        name: of the meter, for the figures.
        windows: how many.
        idle_s: how long to watch what is taken at rest, before the first window.
        progress: is told what happens.

    Raises:
        ToolkitError: as ``Meter``, ``run`` and ``evaluate``; a number makes no sense (2).
    """
    if windows < 1 or idle_s < 0.1 or runs < 1:
        raise ToolkitError(
            f"{windows} windows of {runs} runs and {idle_s:g} s of idling",
            fix="take at least one window, one run and 0.1 s",
        )
    if (needed_s := idle_s + windows * (takes_s + _REST_S)) > meter.longest_s():
        raise ToolkitError(
            f"{needed_s:.0f} s are too long for one trace of this meter: {meter.longest_s():.0f} s at most",
            fix="take fewer or shorter windows (--windows, --window), or a lower --meter-option rate",
        )
    meter.start()
    progress(f"idle for {idle_s:g} s")
    began = time.monotonic()
    time.sleep(idle_s)
    idle = Span(began + _EDGE * idle_s, time.monotonic() - _EDGE * idle_s)
    spans = []
    for index in range(windows):
        progress(f"window {index + 1} of {windows}: {runs:,} runs, {takes_s:.3g} s")
        before = time.monotonic()
        took_us = run(runs, takes_s)
        spans.append(located(before, time.monotonic(), took_us * 1e-6))
        time.sleep(_REST_S)
    trace = meter.stop()
    idle = Span(max(idle.start_s, float(trace.edges_s[0])), idle.end_s)  # a meter may take a moment to begin
    counts = [runs] * windows
    found = marks.by_times(trace, spans, counts) if trace.marker is None else marks.by_marks(trace, counts)
    result = evaluate(trace, found, idle, meter.accuracy(), name)
    if trace.marker is None:
        return result
    _compare(result.seconds.value, sum(span.seconds for span in spans) / (runs * windows))
    return result


def of_trace(
    trace: Trace, runs: int, accuracy: Accuracy, name: str = ""
) -> tuple[RunEnergy, list[Window], Span]:
    """Return the energy of one run from a trace that is already there, its windows, and its idle time.

    Args:
        trace: with a marker, and some idling before its first window, which the idle power is taken from.
        runs: of each window.
        accuracy: of what recorded it.
        name: of that, for the figures' source.

    Raises:
        ToolkitError: as ``by_marks`` and ``evaluate``.
    """
    if runs < 1:
        raise ToolkitError(f"{runs} runs in a window", fix="say how often the work was done in each window")
    windows = marks.by_marks(trace, runs)
    before = windows[0].start_s - float(trace.edges_s[0])
    idle = Span(float(trace.edges_s[0]) + _EDGE * before, windows[0].start_s - _EDGE * before)
    return evaluate(trace, windows, idle, accuracy, name), windows, idle


def located(before_s: float, after_s: float, took_s: float) -> Span:
    """Return where something that took ``took_s`` lies between two times, in the middle, give or take the rest."""
    took_s = min(max(took_s, 0.0), after_s - before_s)
    spare = (after_s - before_s - took_s) / 2
    return Span(before_s + spare, after_s - spare, spare)


def _compare(marked_s: float, timed_s: float) -> None:
    """Marks of another pin, or missed ones, make windows of other lengths than the board's clock says."""
    if timed_s > 0 and not 0.8 < marked_s / timed_s < 1.25:
        raise ToolkitError(
            f"the marks say that a run takes {marked_s * 1e6:.4g} µs, the board's clock {timed_s * 1e6:.4g} µs",
            fix="check that the marking pin is wired to the meter's input, and what marks=… should be",
            exit_code=DEVICE,
        )
