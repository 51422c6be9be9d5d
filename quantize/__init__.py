"""Numerics and compression: low-bit training, integer quantization. Knows no operators and no toolkit."""

from __future__ import annotations

import sys
from functools import cache

from quantize.method import Method, find_methods

__all__ = ["Method", "methods"]


@cache
def methods() -> dict[str, Method]:
    """Return every method of this package by slug; a method is found by its module carrying ``METHOD``."""
    return find_methods(sys.modules[__name__])
