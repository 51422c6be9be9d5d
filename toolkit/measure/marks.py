"""From the levels of a marking pin to where windows are."""

from __future__ import annotations

import numpy as np

STYLES = ("pulses", "high", "low")


def inside(level: np.ndarray, style: str) -> np.ndarray:
    """Return 1 for each sample inside a window, else 0.

    Args:
        level: of the pin at each sample, 0 or 1.
        style: ``pulses``: the pin rests high, and a short low pulse begins a window, the next one ends it, as firmware
            of this toolkit and of MLPerf Tiny does; ``high`` or ``low``: the pin is so inside a window.
    """
    level = (level != 0).astype(np.uint8)
    if style == "high":
        return level
    if style == "low":
        return 1 - level
    falls = np.zeros(len(level), np.uint8)
    falls[1:] = (level[:-1] == 1) & (level[1:] == 0)
    return (np.cumsum(falls, dtype=np.int64) & 1).astype(np.uint8)
