"""Numerics and compression: low-bit training, integer quantization. Knows no operators and no toolkit."""

from __future__ import annotations

import sys
from functools import cache

from quantize import method as _method
from quantize.method import Method, MethodError, QuantizeMethod

__all__ = ["Method", "MethodError", "QuantizeMethod", "load", "methods", "slugs"]


@cache
def _modules() -> dict[str, str]:
    return _method.find(sys.modules[__name__])


def slugs() -> tuple[str, ...]:
    """Return every method's slug, without importing any of them; a method is found by its file being there."""
    return tuple(sorted(_modules()))


def load(slug: str) -> QuantizeMethod:
    """Import the method ``slug``. Raises ``KeyError`` for one that is not in ``slugs()``."""
    return _method.load(_modules()[slug])


def methods() -> dict[str, Method]:
    """Return what every method says of itself, by slug."""
    return {slug: load(slug).METHOD for slug in slugs()}
