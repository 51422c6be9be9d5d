"""Fixed-point steps as ``runtime/include/tk_fixed_point.h`` rounds them; all int64 arrays that hold int32."""

from __future__ import annotations

import numpy as np


def multiply_high(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """Return ``a * b / 2**31``, rounded half up."""
    return (np.asarray(a, np.int64) * b + (1 << 30)) >> 31


def shift_away(x: np.ndarray, shift: np.ndarray | int) -> np.ndarray:
    """Return ``x / 2**shift``, rounded half away from zero; ``shift`` at least 0."""
    x, shift = np.asarray(x, np.int64), np.asarray(shift, np.int64)
    half = np.where(shift > 0, np.int64(1) << np.maximum(shift - 1, 0), 0)
    return (x + half + np.where(shift > 0, x >> 63, 0)) >> shift


def shift_left_saturated(x: np.ndarray, bits: int) -> np.ndarray:
    """Return ``x * 2**bits``, kept within int32."""
    return np.clip(x << bits, -(2**31), 2**31 - 1)
