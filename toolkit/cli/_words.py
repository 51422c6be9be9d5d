"""Numbers as people read them."""

from __future__ import annotations


def in_bytes(count: int | None) -> str:
    """Return ``64 KB`` for exact binary multiples that are round, else the plain count: ``1,088 B``."""
    if count is None:
        return "–"
    for unit, size in (("MB", 1 << 20), ("KB", 1 << 10)):
        if count >= size and count % size == 0:
            return f"{count // size:,} {unit}"
    return f"{count:,} B"


def in_hertz(hertz: int | None) -> str:
    """Return ``168 MHz``."""
    return "–" if hertz is None else f"{hertz / 1e6:g} MHz"
