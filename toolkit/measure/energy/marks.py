"""When the work was done that a meter's trace is cut by: marked by a pin, or by the host's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import DEVICE, ToolkitError
from toolkit.measure.energy.trace import Trace

STYLES = ("high", "low", "pulses")


def inside(level: np.ndarray, style: str) -> np.ndarray:
    """Return 1 for each sample inside a window, else 0.

    Args:
        level: of the pin at each sample, 0 or 1.
        style: ``high`` (what firmware of this toolkit does) or ``low``: the pin is so inside a window; ``pulses``: the
            pin rests high, and a short low pulse begins a window, the next one ends it, as with MLPerf Tiny.
    """
    level = (level != 0).astype(np.uint8)
    if style == "high":
        return level
    if style == "low":
        return 1 - level
    falls = np.zeros(len(level), np.uint8)
    falls[1:] = (level[:-1] == 1) & (level[1:] == 0)
    return (np.cumsum(falls, dtype=np.int64) & 1).astype(np.uint8)


@dataclass(frozen=True)
class Span:
    """A time of the host's clock (``time.monotonic()``); each end may be wrong by ``edge_s``, either way."""

    start_s: float
    end_s: float
    edge_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Window(Span):
    """A span in which the work was done ``runs`` times."""

    runs: int = 1


def by_marks(trace: Trace, runs: Sequence[int] | int) -> list[Window]:
    """Return the windows that the trace's marker shows.

    There must be one for each of ``runs``; of a single number, each window has so many, and there may be any number.

    An edge lies somewhere within a sample, so it is known to half of one.

    Raises:
        ToolkitError: the trace has no marker, a window's begin or end is missing, or their number is another.
    """
    if trace.marker is None:
        raise ToolkitError(
            "this trace has no marks",
            fix="tell the meter which input the marking pin is on (--meter-option pin=D0), or mark by time",
        )
    levels = trace.marker.astype(np.int8)
    if not levels.any():
        raise _missing("the marking pin never moved", "check its wire and ground, and the board's mark pin")
    steps = np.diff(levels)
    starts, ends = np.flatnonzero(steps > 0) + 1, np.flatnonzero(steps < 0) + 1
    if levels[0]:
        raise _missing(
            "the trace begins inside a window: its begin is missing", "start the meter before the board"
        )
    if levels[-1]:
        raise _missing(
            "the last window has no end mark",
            "let the meter run on after the work; a mark may have been too short for it: 20 µs are enough",
        )
    runs = [runs] * len(starts) if isinstance(runs, int) else runs
    if len(starts) != len(runs):
        lengths = ", ".join(
            f"{trace.edges_s[b] - trace.edges_s[a]:.3g} s" for a, b in zip(starts, ends, strict=True)
        )
        raise _missing(
            f"{len(starts)} windows are marked, {len(runs)} were run (marked: {lengths[:200]})",
            "check the marking pin's wire for noise, and that marks=… says what the pin does",
        )
    return [
        Window(
            float(trace.edges_s[start]),
            float(trace.edges_s[end]),
            float(
                max(np.diff(trace.edges_s[[start - 1, start]])[0], np.diff(trace.edges_s[[end - 1, end]])[0])
            )
            / 2,
            count,
        )
        for start, end, count in zip(starts, ends, runs, strict=True)
    ]


def by_times(trace: Trace, spans: Sequence[Span], runs: Sequence[int]) -> list[Window]:
    """Return windows of known times, whose edges are as uncertain as they and the trace's clock are.

    Raises:
        ToolkitError: one ends before it begins, overlaps the one before, or is not in the trace.
    """
    windows: list[Window] = []
    for index, (span, count) in enumerate(zip(spans, runs, strict=True)):
        if not span.end_s > span.start_s:
            raise _missing(f"window {index} ends before it begins", "check what gave the times")
        if windows and span.start_s < windows[-1].end_s:
            raise _missing(f"window {index} begins before the one in front of it ends", "sort the times")
        if span.start_s < trace.edges_s[0] or span.end_s > trace.edges_s[-1]:
            raise _missing(
                f"window {index} lies outside what the meter recorded",
                "start the meter before the work and stop it after; check that both times are of one clock",
            )
        windows.append(Window(span.start_s, span.end_s, span.edge_s + trace.clock_s, count))
    return windows


def _missing(what: str, fix: str) -> ToolkitError:
    return ToolkitError(what, fix=fix, exit_code=DEVICE)
