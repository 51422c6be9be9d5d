"""The entries of JSON documents that commands of the toolkit printed: one benched bundle, or a matrix of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolkit.errors import ToolkitError
from toolkit.measure.entry import Entry, of_document


def entries_of(document: Any, *, source: str, model: str = "") -> list[Entry]:
    """Return the entries of a document; it is from outside, so it is checked.

    Args:
        document: what ``bench --json``, ``bench --all --json`` or a project's stage ``bench`` wrote.
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


_READERS: dict[str, Callable[[dict[str, Any], str, str], list[Entry]]] = {"bench-all": _matrix}
