"""Make torch read programs twice as quickly: it asks for the type hints of the same few classes at every node."""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def remembered_hints() -> Iterator[None]:
    """Let torch's reader of programs find type hints once for each class; without effect where it no longer asks."""
    from torch._export.serde import serialize

    if getattr(serialize, "typing", None) is not typing:
        yield
        return
    serialize.typing = _remembering()  # type: ignore[assignment, attr-defined]
    try:
        yield
    finally:
        serialize.typing = typing  # type: ignore[attr-defined]


@functools.cache
def _remembering() -> types.SimpleNamespace:
    """Return what is in ``typing``, with hints of classes of torch's schema remembered."""
    from torch._export.serde import schema

    @functools.cache
    def of_schema(kind: type) -> dict[str, Any]:
        return typing.get_type_hints(kind, globalns=vars(schema))

    def get_type_hints(kind: Any, globalns: Any = None, **more: Any) -> dict[str, Any]:
        if globalns is vars(schema) and not more:
            return of_schema(kind)
        return typing.get_type_hints(kind, globalns=globalns, **more)

    return types.SimpleNamespace(**{**vars(typing), "get_type_hints": get_type_hints})
