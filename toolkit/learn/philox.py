"""Philox4x32-10: random numbers from a counter and a key.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.

The number at any index is computed on its own, so that nothing drawn need be kept: noise is made again from its key.
"""

from __future__ import annotations

import numpy as np

ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)


def words(key: tuple[int, int], first: int, count: int) -> np.ndarray:
    """Return ``count`` blocks of four random words, uint32 ``(count, 4)``, for the counters from ``first`` on.

    Args:
        key: two 32-bit numbers; another key is another stream.
        first: the first counter, below 2^64.
        count: how many counters follow one another.
    """
    counter = np.uint64(first) + np.arange(count, dtype=np.uint64)
    a, b = counter & _LOW, counter >> np.uint64(32)
    c = d = np.zeros(count, np.uint64)
    low, high = key
    for _ in range(ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            (right >> np.uint64(32)) ^ b ^ np.uint64(low),
            right & _LOW,
            (left >> np.uint64(32)) ^ d ^ np.uint64(high),
            left & _LOW,
        )
        low, high = (low + _WEYL[0]) & 0xFFFFFFFF, (high + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([a, b, c, d], axis=1).astype(np.uint32)


def signs(key: tuple[int, int], draw: int, count: int) -> np.ndarray:
    """Return ``count`` values of -1 or 1, float32: bit ``i % 32`` of word ``i / 32``, set for 1.

    ``draw`` below 2^32 is the counter's upper half: another draw with the same key.
    """
    bits = words(key, draw << 32, -(-count // 128)).reshape(-1, 1) >> np.arange(
        32, dtype=np.uint32
    ) & np.uint32(1)
    return bits.reshape(-1)[:count].astype(np.float32) * 2 - 1


def normals(key: tuple[int, int], draw: int, count: int) -> np.ndarray:
    """Return ``count`` standard normal values, float32: two from two words, by Box and Muller's formula."""
    pairs = words(key, draw << 32, -(-count // 4)).reshape(-1, 2)
    uniform = (pairs.astype(np.float64) + 0.5) / 2**32
    radius, angle = np.sqrt(-2 * np.log(uniform[:, 0])), 2 * np.pi * uniform[:, 1]
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both.reshape(-1)[:count].astype(np.float32)
