"""What changed between two runs of a matrix, and whether it became better or worse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from toolkit.compare.entry import Entry, names
from toolkit.compare.metric import METRICS, Metric
from toolkit.measure.figure import Figure

Verdict = Literal["better", "worse", "other"]
DEFAULT_TOLERANCE = 0.05
_SAME = 1e-9  # relative: what floating point makes of equal figures


@dataclass(frozen=True)
class Change:
    """One figure that is not what it was, or a whole entry that came or went.

    Args:
        name: of the entry.
        metric: the figure's name; empty where it is about the entry.
        before: in the earlier run; None where it was not known.
        after: in the later one.
        verdict: "other" where the two cannot be compared: known in different ways, or in one run only.
        note: why, or what happened to the entry.
    """

    name: str
    metric: str
    before: Figure | None
    after: Figure | None
    verdict: Verdict
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """By which fraction the figure rose; None where it cannot be said."""
        if self.before is None or self.after is None or not self.before.value:
            return None
        return self.after.value / self.before.value - 1

    def to_json(self) -> dict[str, Any]:
        """Return the change as JSON-ready data."""
        return {**asdict(self), "ratio": self.ratio}


def between(
    before: Sequence[Entry],
    after: Sequence[Entry],
    failed: Sequence[Entry] = (),
    *,
    tolerance: float = DEFAULT_TOLERANCE,
) -> list[Change]:
    """Return what changed, entry by entry in the order of ``after``.

    Args:
        before: of the earlier run.
        after: of the later one.
        failed: what failed in the later one; it is worse where it did not fail before.
        tolerance: the fraction by which a measured figure may move. What was counted, or estimated from counts, may
            not move at all.
    """
    everything = [*before, *after, *failed]
    called = dict(zip(map(_identity, everything), names(everything), strict=True))
    earlier, later = ({_identity(each): each for each in one} for one in (before, after))
    found = []
    for identity, entry in later.items():
        if identity in earlier:
            found += _figures(called[identity], earlier[identity], entry, tolerance)
        else:
            found.append(Change(called[identity], "", None, None, "other", "is new"))
    for identity, entry in earlier.items():
        if identity in later:
            continue
        why = next((each.source for each in failed if _same_cell(each, entry)), None)
        if why is None:
            found.append(Change(called[identity], "", None, None, "other", "is not in the later run"))
        else:
            found.append(Change(called[identity], "", None, None, "worse", f"fails: {why}"))
    return found


def _identity(entry: Entry) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    return entry.model, entry.target, tuple(sorted(entry.ways.items()))


def _same_cell(failed: Entry, entry: Entry) -> bool:
    """True when ``failed`` might have become ``entry``; what did not run says less of how it would have been done."""
    same = (failed.model, failed.target) == (entry.model, entry.target)
    return same and failed.ways.items() <= entry.ways.items()


def _figures(name: str, before: Entry, after: Entry, tolerance: float) -> list[Change]:
    pairs = [(metric, before.figures.get(metric.key), after.figures.get(metric.key)) for metric in METRICS]
    changes = (_change(name, metric, old, new, tolerance) for metric, old, new in pairs)
    return [change for change in changes if change is not None]


def _change(
    name: str, metric: Metric, old: Figure | None, new: Figure | None, tolerance: float
) -> Change | None:
    if old is None or new is None:
        if old is new:
            return None
        note = "was not known" if old is None else "is not known any more"
        return Change(name, metric.name, old, new, "other", note)
    if old.kind != new.kind:
        return Change(name, metric.name, old, new, "other", f"was {old.kind}, is {new.kind}")
    moved = new.value - old.value
    measured = new.kind == "measured"
    within = (
        max(tolerance * abs(old.value), math.hypot(old.uncertainty or 0, new.uncertainty or 0))
        if measured
        else 0
    )
    if abs(moved) <= max(within, _SAME * abs(old.value)):
        return None
    return Change(name, metric.name, old, new, "better" if (moved > 0) == metric.high else "worse")
