"""Read JSON from a stranger: parse within limits and check the type of every part before use."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Callable
from typing import Any, TypeVar

from toolkit.errors import ToolkitError
from toolkit.program.pt2_errors import malformed

MAX_BYTES = 32 << 20

T = TypeVar("T")

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}")
# what torch's generated source text means something else by
_RESERVED = {"self", "torch", "operator", "_operator", "__builtins__", "__import__"}
# torch writes the parts of a path that are no identifiers into source text between double quotes
_PATH = re.compile(r"(?!__)[\w\- ]{1,128}(\.(?!__)[\w\- ]{1,128}){0,63}", re.ASCII)


def parse(data: bytes, where: str) -> Any:
    """Return the parsed JSON; raises ToolkitError when it is too large, too deep or no JSON."""
    if len(data) > MAX_BYTES:
        raise ToolkitError(f"{where} is larger than {MAX_BYTES >> 20} MiB", fix="reduce the model")
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise malformed(where) from error


def mapping(value: Any, where: str) -> dict[str, Any]:
    """Return ``value`` if it is an object."""
    if not isinstance(value, dict):
        raise malformed(where)
    return value


def items(value: Any, where: str, count: int | None = None) -> list[Any]:
    """Return ``value`` if it is a list (of ``count`` items)."""
    if not isinstance(value, list) or (count is not None and len(value) != count):
        raise malformed(where)
    return value


def each(check: Callable[[Any], T], value: Any, where: str) -> list[T]:
    """Return what ``check`` makes of each item of the list ``value``."""
    return [check(item) for item in items(value, where)]


def only(value: Any, where: str) -> tuple[str, Any]:
    """Return key and value of an object with one key, torch's form of a tagged union."""
    if len(mapping(value, where)) != 1:
        raise malformed(where)
    return next(iter(value.items()))


def string(value: Any, where: str) -> str:
    """Return ``value`` if it is a string."""
    if not isinstance(value, str):
        raise malformed(where)
    return value


def boolean(value: Any, where: str) -> bool:
    """Return ``value`` if it is true or false."""
    if not isinstance(value, bool):
        raise malformed(where)
    return value


def integer(value: Any, where: str) -> int:
    """Return ``value`` if it is an integer of 64 bits."""
    if isinstance(value, bool) or not isinstance(value, int) or not -(1 << 63) <= value < 1 << 63:
        raise malformed(where)
    return value


def identifier(value: Any) -> str:
    """Return ``value`` if it is a name that can stand in Python source text without doing anything."""
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise malformed("a name")
    if keyword.iskeyword(value) or value in _RESERVED:
        raise malformed(f"the name {value}")
    return value


def tensor_path(value: Any) -> str:
    """Return ``value`` if it is the dotted path of a parameter or buffer in a model."""
    if not isinstance(value, str) or not _PATH.fullmatch(value):
        raise malformed("a parameter's name")
    if any(keyword.iskeyword(part) or part in _RESERVED for part in value.split(".")):
        raise malformed(f"the parameter's name {value}")
    return value
