"""The figures of a bench in words, each with how it is known: one wording for terminal and page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from toolkit.compare.metric import METRICS, Metric
from toolkit.measure.accuracy import METRICS as METRICS_OF_TESTS
from toolkit.measure.memory import ram_in_use
from toolkit.report.facts import Figure
from toolkit.report.kind_marks import MARKS

if TYPE_CHECKING:
    from toolkit.compare.entry import Entry
    from toolkit.measure.figure import Figure as Measured

_DETAILS = ("instructions", "cycles")


def cost(bench: dict[str, Any]) -> list[Figure]:
    """Return instructions, cycles, time and energy of one inference, those that are known.

    Args:
        bench: ``BenchResult.to_json()``.
    """
    exact = f"exact, {bench['target']} under {bench['emulator']}, built by {bench['toolchain']}"
    if bench["instructions_per_mac"]:
        exact += f", {bench['instructions_per_mac']:.2f} per MAC"
    figures = []
    for metric in sorted(METRICS, key=lambda metric: metric.name not in _DETAILS):
        figure = bench.get(metric.key)
        if figure and metric.key not in METRICS_OF_TESTS:
            text = with_uncertainty(value(metric, figure["value"]), figure)
            source = exact if metric.name == "instructions" else figure["source"]
            label = metric.label[0].upper() + metric.label[1:]
            figures.append(Figure(label, text, figure["kind"], source))
    return figures


def memory(bench: dict[str, Any]) -> list[Figure]:
    """Return flash and RAM of the linked image; empty where the target is not bare metal.

    Args:
        bench: ``BenchResult.to_json()``.
    """
    used = bench["memory"]
    if not used:
        return []
    code, weights = used["code_bytes"], used["weight_bytes"]
    parts = f"arena {used['arena_bytes']:,}, other static {used['other_static_bytes']:,}"
    figures = [
        Figure("Flash", f"{used['flash_bytes']:,} B", "counted", f"code {code:,}, weights {weights:,}")
    ]
    stack = f"stack {used['stack_reserved_bytes']:,} reserved"
    if used["stack_used_bytes"] is not None:
        stack = f"stack {used['stack_used_bytes']:,} of {used['stack_reserved_bytes']:,} reserved"
    figures.append(Figure("RAM", f"{ram_in_use(used):,} B", "counted", f"{parts}, {stack}"))
    return figures


def shown(entries: Sequence[Entry]) -> list[Metric]:
    """Return the metrics that a table of ``entries`` has columns for: those that are known, less the most detailed."""
    known = {key for entry in entries for key in entry.figures}
    return [metric for metric in METRICS if metric.key in known and metric.name not in _DETAILS]


def value(metric: Metric, number: float) -> str:
    """Return a figure of ``metric`` in the unit that reads best."""
    words = {"us": duration, "uJ": energy, "bytes": lambda size: f"{size:,.0f} B"}
    if metric.unit in words:
        return words[metric.unit](number)
    if metric.high:
        return f"{100 * number:.2f} %"
    return count(number) if metric.name in ("instructions", "cycles") else f"{number:.4g}"


def tick(metric: Metric, number: float) -> str:
    """Return a round value of ``metric`` for an axis, as short as it gets."""
    if metric.unit == "bytes" and number >= 1000:
        return f"{number / 1000:g} kB"
    return f"{100 * number:g} %" if metric.high else value(metric, number)


def marked(metric: Metric, figure: Measured | None) -> str:
    """Return a figure in words with the mark of how it is known, or a dash for none."""
    if figure is None:
        return "–"
    text = with_uncertainty(value(metric, figure.value), vars(figure))
    return f"{text} {MARKS[figure.kind]}"


def count(value: float) -> str:
    """Return a count, with a decimal only where it is a mean that is not whole."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def duration(microseconds: float) -> str:
    """Return a time in the unit that reads best, with three digits."""
    if microseconds < 1000:
        return f"{microseconds:.3g} µs"
    return f"{microseconds / 1e3:.3g} ms" if microseconds < 1e6 else f"{microseconds / 1e6:.3g} s"


def energy(microjoules: float) -> str:
    """Return an energy in the unit that reads best, with three digits."""
    return f"{microjoules:.3g} µJ" if microjoules < 1000 else f"{microjoules / 1e3:.3g} mJ"


def with_uncertainty(text: str, figure: dict[str, Any]) -> str:
    """Return ``text`` with the uncertainty of its figure in percent, where there is one."""
    within, value = figure.get("uncertainty"), figure["value"]
    return text if within is None or not value else f"{text} ± {100 * within / abs(value):.2g} %"
