"""The words by which the Armv7E-M ternary tiles finish their sums."""

from __future__ import annotations

import numpy as np

from toolkit.ops.pack_pairs import finishing_words, sums_range
from toolkit.ops.weighted import Folded

_LOW_BITS = 14  # of a lane's sum belong to row a, the others to row b
_SCALE_BITS = (
    4  # by which row a's sum is scaled, so that multipliers of one half and more keep a bit to round
)


def ternary_finish(folded: Folded) -> np.ndarray | None:
    """Return sixteen words for every four channels, flat int32, or None where a sum or its rounding does not fit.

    Starts of both pairs' sums, ``2**14`` times row b's bias; for each pair 16 times row a's bias, its
    multiplier, constant and shift, then the last three of row b. The channels are whole fours (``fours``).
    """
    low, high = sums_range(folded)
    limit = 2 ** (31 - _LOW_BITS)
    if (low[1::2] < -limit).any() or (high[1::2] >= limit).any():
        return None
    words = finishing_words(folded, np.tile([_SCALE_BITS, _LOW_BITS], len(low) // 2))
    if words is None:
        return None
    words = words.reshape(-1, 2, 6)
    bias = folded.bias.reshape(-1, 2, 2)
    start, first = bias[:, :, 1] << _LOW_BITS, bias[:, :, :1] << _SCALE_BITS
    pairs = np.concatenate([first, words], -1).reshape(len(bias), -1)
    return np.concatenate([start, pairs], -1).astype(np.int32).reshape(-1)


def needs_splitting(folded: Folded) -> bool:
    """True when some row a's sum may leave 14 bits, so that it must be split off on the way."""
    low, high = sums_range(folded)
    limit = 2 ** (_LOW_BITS - 1)
    return bool(((low - folded.bias)[::2] < -limit).any() or ((high - folded.bias)[::2] >= limit).any())
