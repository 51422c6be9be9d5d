"""Fill a dataclass from a table of a TOML file: every key known, every value of the right type and in range."""

from __future__ import annotations

import difflib
import math
from collections.abc import Collection, Sequence
from dataclasses import Field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from toolkit.errors import ToolkitError, suggestion

_TYPE_NAMES = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    tuple: "a list of strings",
}


def check_keys(table: dict[str, Any], names: Collection[str], what: str, at: str) -> None:
    """Refuse the first key of ``table`` that is not in ``names``; ``what`` is a key's kind, ``at`` its place."""
    for key in table:
        if key not in names:
            raise ToolkitError(f"no {what} is called {key!r}", at=at, fix=suggestion(key, names))


def check_choice(key: str, value: Any, choices: Sequence[str], at: str) -> None:
    """Refuse a ``value`` that is not in ``choices``."""
    if value not in choices:
        near = difflib.get_close_matches(str(value), choices, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise wrong(key, value, f"one of {', '.join(choices)}{hint}", at)


def fill(kind: type, table: dict[str, Any], at: str) -> Any:
    """Return the dataclass ``kind`` filled from ``table``.

    Fields are strings, numbers (within ``metadata["range"]``), booleans, literals, tables or ``tuple[str, ...]``.

    Raises:
        ToolkitError: a key, type or value is wrong; the error begins with ``at`` and names the key.
    """
    known = {item.name: item for item in fields(kind)}
    check_keys(table, known, "setting", at)
    types = get_type_hints(kind)
    values = {key: _checked(key, value, types[key], known[key], at) for key, value in table.items()}
    try:
        return kind(**values)
    except ToolkitError as error:  # TrainSettings knows its own limits
        raise ToolkitError(error.what, at=at, fix=error.fix) from None


def _checked(key: str, value: Any, kind: Any, item: Field[Any], at: str) -> Any:
    if get_origin(kind) is Literal:
        check_choice(key, value, get_args(kind), at)
        return value
    kind = get_origin(kind) or kind
    if kind is tuple and isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = tuple(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise wrong(key, value, _TYPE_NAMES[kind], at)
    if kind is float and not math.isfinite(value):
        raise wrong(key, value, "a finite number", at)
    low, high = item.metadata.get("range", (-math.inf, math.inf))
    if kind in (int, float) and not low <= value <= high:
        raise wrong(key, value, f"from {low:,} to {high:,}", at)
    return value


def wrong(key: str, value: Any, expected: str, at: str) -> ToolkitError:
    """Return the error for a value that cannot be, with what it should be."""
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "..."
    return ToolkitError(f"{key} = {shown} cannot be", at=f"{at} {key}", fix=f"it is {expected}")
