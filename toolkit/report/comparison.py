"""Compared models as pictures and as a page: each figure against another, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from markupsafe import Markup

from toolkit import atomic
from toolkit.compare.entry import Entry, names
from toolkit.compare.metric import METRICS, Metric
from toolkit.compare.pareto import front
from toolkit.measure.figure import Kind
from toolkit.report import page, scatter, words
from toolkit.report.scatter import Axis, Dot

_CERTAIN: tuple[Kind, ...] = ("estimated", "measured", "counted")  # the less certain first


@dataclass(frozen=True)
class Comparison:
    """Entries and the two figures that they are compared by first."""

    entries: Sequence[Entry]
    x: Metric
    y: Metric

    def on_front(self, x: Metric | None = None) -> list[bool]:
        """Return which entries are on the Pareto front of ``x`` (the main one) and ``y``, uncertainties counted."""
        axes = (x or self.x, self.y)
        points = [[entry.value(axis) for axis in axes] for entry in self.entries]
        within = [[entry.uncertainty(axis) for axis in axes] for entry in self.entries]
        return front(points, [axis.high for axis in axes], within)

    @property
    def others(self) -> list[Metric]:
        """What else ``y`` can be drawn against."""
        return [metric for metric in words.shown(self.entries) if metric not in (self.x, self.y)]

    @property
    def notes(self) -> list[str]:
        """What a reader must know before comparing: figures of one kind that are known in different ways."""
        found = []
        for metric in METRICS:
            figures = [entry.figures[metric.key] for entry in self.entries if metric.key in entry.figures]
            kinds = sorted({figure.kind for figure in figures})
            if len(kinds) > 1 and metric in (self.x, self.y, *self.others):
                found.append(
                    f"{metric.label} is {' for some and '.join(kinds)} for others: compare them with care"
                )
        return found


def choose(entries: Sequence[Entry], x: Metric | None = None, y: Metric | None = None) -> Comparison:
    """Return the comparison by ``x`` and ``y``; unless told, by what most of the entries have, accuracy first."""
    order = ("accuracy", "error", "latency", "energy", "flash", "ram")
    ranked = sorted(
        METRICS, key=lambda metric: order.index(metric.name) if metric.name in order else len(order)
    )
    known = [
        metric for metric in ranked if sum(metric.key in entry.figures for entry in entries) > 1
    ] or ranked
    y = y or next((metric for metric in known if metric.name in order[:2]), None) or next(
        (metric for metric in known[::-1] if metric.name in ("flash", "ram") and metric is not x), known[0]
    )  # fmt: skip
    x = x or next((metric for metric in known if metric.name in order[2:] and metric is not y), known[-1])
    return Comparison(entries, x, y)


def picture(comparison: Comparison) -> Markup:
    """Return the main plot as an SVG file of its own; empty where no entry has both figures."""
    title = _title(comparison, comparison.x)
    dots, numbers = _dots(comparison, comparison.x)
    if not dots:
        return Markup("")
    return scatter.scatter(title, dots, _axis(comparison.x), _axis(comparison.y), numbers=numbers)


def write(path: Path, comparison: Comparison) -> Path:
    """Write the page to ``path``, whole or not at all, and return ``path``."""
    atomic.write_text(path, render(comparison))
    return path


def render(comparison: Comparison) -> str:
    """Return the page: plots, the table, every figure with its source. Names are escaped."""
    plots = [_plot(comparison, x) for x in (comparison.x, *comparison.others)]
    return page.fill(
        "comparison.html.j2",
        comparison=comparison,
        title=_title(comparison, comparison.x),
        count=[len({getattr(entry, part) for entry in comparison.entries}) for part in ("model", "target")],
        names=names(comparison.entries),
        metrics=words.shown(comparison.entries),
        all_metrics=METRICS,
        plots=[plot for plot in plots if plot],
        on_front=comparison.on_front(),
        words=words,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _plot(comparison: Comparison, x: Metric) -> Markup:
    dots, numbers = _dots(comparison, x)
    if not dots:
        return Markup("")
    title = _title(comparison, x)
    return scatter.plot(title, dots, _axis(x), _axis(comparison.y), numbers=numbers)


def _dots(comparison: Comparison, x: Metric) -> tuple[list[Dot], list[int]]:
    """Return a point for each entry that has both figures, and its number in the table."""
    models = list(dict.fromkeys(entry.model for entry in comparison.entries))
    on_front = comparison.on_front(x)
    dots, numbers = [], []
    for number, (name, entry) in enumerate(
        zip(names(comparison.entries), comparison.entries, strict=True), 1
    ):
        across, up = entry.figures.get(x.key), entry.figures.get(comparison.y.key)
        if across is None or up is None:
            continue
        told = f"{name}: {words.marked(comparison.y, up)}, {words.marked(x, across)}"
        kind = min(across.kind, up.kind, key=_CERTAIN.index)
        dots.append(
            Dot(name, across.value, up.value, kind, models.index(entry.model), told, on_front[number - 1],
                across.uncertainty, up.uncertainty)
        )  # fmt: skip
        numbers.append(number)
    return dots, numbers


def _axis(metric: Metric) -> Axis:
    return Axis(metric.label, lambda value: words.tick(metric, value), metric.high)


def _title(comparison: Comparison, x: Metric) -> str:
    label = comparison.y.label
    return f"{label[0].upper()}{label[1:]} against {x.label}"
