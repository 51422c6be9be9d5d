"""Multipliers that round halves away from zero in kernels that round them up."""

from __future__ import annotations

import numpy as np


def away_multipliers(multiplier: np.ndarray, shift: np.ndarray, largest: np.ndarray) -> np.ndarray | None:
    """Return multipliers with which ``(acc * multiplier + 2**(shift - 1)) >> shift`` rounds halves away from zero.

    A multiplier that ends in ``t`` zero bits makes products that are multiples of ``2**t``. One more on the multiplier
    moves a product by less than that as long as ``|acc| < 2**t``: nothing changes but products of a negative ``acc``
    that lie half-way, at odd multiples of ``2**(shift - 1)``. They exist from ``|acc| = 2**(shift - 1 - t)`` on.

    Args:
        multiplier: int64, 31 bits each; ``shift`` alike, one per channel or one for all.
        shift: as `toolkit.ops.requantize.quantize_multiplier` gives them.
        largest: the largest ``|acc|`` of each, or one for all.

    Returns:
        The multipliers, or None where there is none for a channel: both bounds are exceeded.
    """
    multiplier, shift, largest = np.broadcast_arrays(multiplier, shift, largest)
    zeros = np.array([(int(m) & -int(m)).bit_length() - 1 if m else 31 for m in multiplier], np.int64)
    first_half = shift - 1 - zeros
    halves = (first_half >= 0) & (largest >= np.int64(1) << np.maximum(first_half, 0))
    if (halves & (largest >= np.int64(1) << zeros)).any():
        return None
    return multiplier + halves
