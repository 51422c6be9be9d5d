"""The entries of JSON documents that commands of the toolkit printed: one benched bundle, many, or a deployed one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolkit.compare.entry import Entry, figure, of_document
from toolkit.errors import ToolkitError
from toolkit.measure.accuracy import METRICS
from toolkit.measure.figure import Figure


def entries_of(document: Any, *, source: str, model: str = "") -> list[Entry]:
    """Return the entries of a document; it is from outside, so it is checked.

    Args:
        document: what ``bench --json``, ``bench --all --json``, ``deploy --json`` or a project's stage ``bench`` wrote.
        source: where it is from.
        model: what to call the model where the document does not say.

    Raises:
        ToolkitError: it is no such document, or of another schema.
    """
    command = document.get("command") if isinstance(document, dict) else None
    reader = _READERS.get(str(command), lambda found, at, name: [of_document(found, source=at, model=name)])
    return reader(document, source, model)


def _matrix(document: dict[str, Any], source: str, model: str) -> list[Entry]:
    """Return the cells of ``bench --all --json`` that did not fail."""
    cells = document.get("cells")
    if document.get("schema") != 1 or not isinstance(cells, list):
        raise ToolkitError(
            "not a document of schema 1 with cells",
            at=source,
            fix="make it again: toolkit bench --all --json",
        )
    found = [cell.get("bench") for cell in cells if isinstance(cell, dict)]
    return [of_document(each, source=source) for each in found if each is not None]


def _deployed(document: dict[str, Any], source: str, model: str) -> list[Entry]:
    """Return the files of ``deploy --json`` that were timed; the accuracy is that of the C, which is exact."""
    try:
        known = {name: figure(document[name], source) for name in METRICS if document.get(name) is not None}
        found = []
        for each in document["ran"]:
            ways = {"file": str(each["file"]), "host": str(document["host"])}
            figures = dict(known) if each["runtime"] == "c" else {}
            if each["latency"] is not None:
                figures["latency_us"] = _latency(each["latency"], f"{document['machine']}", source)
            found.append(
                Entry(str(document.get("model") or model), str(document["target"]), ways, figures, source)
            )
        return found
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ToolkitError(
            f"not a document of a deployed bundle: {error}",
            at=source,
            fix="make it again: toolkit deploy --json",
        ) from error


def _latency(said: dict[str, Any], machine: str, at: str) -> Figure:
    """Return the figure; of what is spread normally 95 % lie within 2.9 times half the distance between quartiles."""
    source = f"the clock of {machine}, median of {said['runs']:,} runs"
    data = {"value": said["median_us"], "kind": "measured", "source": source}
    return figure({**data, "uncertainty": 2.9 * said["spread_us"]}, at)


_READERS: dict[str, Callable[[dict[str, Any], str, str], list[Entry]]] = {
    "bench-all": _matrix,
    "deploy": _deployed,
}
