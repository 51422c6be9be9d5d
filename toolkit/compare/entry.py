"""One model on one target, done one way, with its figures: a row of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from toolkit.compare.metric import METRICS, Metric
from toolkit.errors import ToolkitError
from toolkit.measure.bench_result import ON_BOARD
from toolkit.measure.figure import KINDS, Figure
from toolkit.measure.memory import ram_in_use

# Fields of a document that tell rows apart.
WAYS = ("optimize", "tune", "toolchain", "emulator", "file", "host", "meter")
_LARGEST = 1e30  # that any figure may be; NaN is none


@dataclass(frozen=True)
class Entry:
    """One model on one target.

    Args:
        model: its name.
        target: where it ran.
        ways: how it was compiled, run and measured, by the names in ``WAYS``.
        figures: by key, see ``toolkit.compare.metric``; what is not known is not there.
        source: the bundle, file or run that it is of.
        notes: what could not be found out, and why.
    """

    model: str
    target: str
    ways: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    source: str = ""
    notes: Sequence[str] = ()

    def value(self, metric: Metric) -> float | None:
        """Return a figure's value, or None."""
        figure = self.figures.get(metric.key)
        return None if figure is None else figure.value

    def uncertainty(self, metric: Metric) -> float | None:
        """Return a figure's uncertainty, or None where it has none."""
        figure = self.figures.get(metric.key)
        return None if figure is None else figure.uncertainty


def of_document(document: Any, *, source: str, model: str = "") -> Entry:
    """Return the entry of a bench's document.

    Args:
        document: ``BenchResult.to_json()``, or what ``toolkit bench --json`` printed; from outside, so checked.
        source: where it is from.
        model: what to call the model of an older document, which does not say.

    Raises:
        ToolkitError: it is no such document, or of another schema.
    """
    if not isinstance(document, dict) or document.get("schema") != 1 or "latency_us" not in document:
        raise _damaged("not a document that `toolkit bench --json` prints", source)
    target, model = document.get("target"), document.get("model") or model
    if not isinstance(target, str) or not isinstance(model, str):
        raise _damaged("the document names no model or no target", source)
    figures = {
        metric.key: figure(document[metric.key], f"{source}: {metric.key}")
        for metric in METRICS
        if document.get(metric.key) is not None
    }
    figures |= _memory(document.get("memory"), source)
    ways = {way: str(document[way]) for way in WAYS if isinstance(document.get(way), str | bool)}
    return Entry(model, target, ways, figures, source, notes_of(document))


def notes_of(document: Mapping[str, Any]) -> list[str]:
    """Return what a bench's document says was not found out."""
    notes = document.get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def figure(data: Any, at: str) -> Figure:
    """Return the figure that JSON ``data`` describes. Raises ``ToolkitError`` when it describes none."""
    if isinstance(data, dict) and data.get("kind") in KINDS and _is_number(data.get("value")):
        within = data.get("uncertainty")
        if within is None or _is_number(within):
            return Figure(data["value"], data["kind"], str(data.get("source", "")), within)
    raise _damaged(f"{data!r:.100} is no figure", at)


def called(entries: Sequence[Entry], patterns: Sequence[str]) -> list[Entry]:
    """Return those whose model, or model and target (``net on rp2040``), one of ``patterns`` matches; all for none.

    Raises:
        ToolkitError: there is none.
    """
    found = [
        entry
        for entry in entries
        if not patterns
        or any(
            fnmatchcase(name, p)
            for name in (entry.model, f"{entry.model} on {entry.target}")
            for p in patterns
        )
    ]
    if entries and not found:
        there = ", ".join(names(entries)[:5])
        raise ToolkitError(f"nothing is called {' or '.join(patterns)}", fix=f"there is: {there}")
    return found


def names(entries: Sequence[Entry]) -> list[str]:
    """Return a name for each entry, no longer than it takes to tell those of one model and target apart."""
    known: dict[tuple[str, str, str], set[str]] = {}
    for entry in entries:
        for way, value in entry.ways.items():
            known.setdefault((entry.model, entry.target, way), set()).add(value)
    apart = [way for way in WAYS if any(len(values) > 1 for key, values in known.items() if key[2] == way)]
    told = [
        " ".join([entry.model, "on", entry.target, *(_said(way, entry) for way in apart if entry.ways.get(way))])
        for entry in entries
    ]  # fmt: skip
    return [
        "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name)
        for name in told
    ]


def _said(way: str, entry: Entry) -> str:
    if (way, entry.ways[way]) == ("emulator", ON_BOARD):
        return "board"
    return f"{way}={entry.ways[way]}" if way in ("tune", "optimize") else entry.ways[way]


def _memory(memory: Any, source: str) -> dict[str, Figure]:
    if memory is None:
        return {}
    try:
        stack = "reserved" if memory["stack_used_bytes"] is None else "as used"
        return {
            "flash_bytes": figure(_counted(memory["flash_bytes"], "code and weights of the image"), source),
            "ram_bytes": figure(_counted(ram_in_use(memory), f"arena, statics, stack {stack}"), source),
        }
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged("its memory is not described", source) from error


def _counted(value: Any, source: str) -> dict[str, Any]:
    return {"value": value, "kind": "counted", "source": source}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _LARGEST


def _damaged(what: str, at: str) -> ToolkitError:
    return ToolkitError(what, at=at, fix="make it again with `toolkit bench DIR --json > FILE`")
