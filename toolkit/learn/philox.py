"""Philox4x32-10: random numbers from a counter and a key.

J. Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", 2011.

The number at any index is computed on its own, so that nothing drawn need be kept: noise is made again from its key.
What is drawn as float32 is computed as ``tk_noise.h`` does, to the bit.
"""

from __future__ import annotations

import numpy as np

from toolkit.ops.functions_f32 import log, sine, sqrt

ROUNDS = 10
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)


def words(key: tuple[int, int], first: int, count: int) -> np.ndarray:
    """Return ``count`` blocks of four random words, uint32 ``(count, 4)``, for the counters from ``first`` on.

    Args:
        key: two 32-bit numbers; another key is another stream.
        first: the first counter, below 2^128.
        count: how many counters follow one another; the lower half of the counter does not overflow.
    """
    upper = first >> 64
    counter = np.uint64(first & 0xFFFFFFFFFFFFFFFF) + np.arange(count, dtype=np.uint64)
    a, b = counter & _LOW, counter >> np.uint64(32)
    c, d = (np.full(count, half, np.uint64) for half in (upper & 0xFFFFFFFF, upper >> 32))
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

    ``draw`` below 2^32 is the counter's second word: another draw with the same key.
    """
    bits = words(key, draw << 32, -(-count // 128)).reshape(-1, 1) >> np.arange(
        32, dtype=np.uint32
    ) & np.uint32(1)
    return bits.reshape(-1)[:count].astype(np.float32) * 2 - 1


def normals(key: tuple[int, int], draw: int, count: int) -> np.ndarray:
    """Return ``count`` standard normal values, float32: two from two words, by Box and Muller's formula.

    A word's upper 23 bits are the middle of one of 2^23 equal parts of 0..1, so no value lies beyond 5.8.
    """
    pairs = words(key, draw << 32, -(-count // 4)).reshape(-1, 2) >> np.uint32(9)
    uniform = (2 * pairs + 1).astype(np.float32) * np.float32(2.0**-24)
    radius = sqrt(np.float32(-2) * log(uniform[:, 0]))
    angle = np.float32(6.28318531) * uniform[:, 1]
    both = np.stack([radius * sine(angle, 1), radius * sine(angle, 0)], axis=1)
    return both.reshape(-1)[:count]


def uniforms(key: tuple[int, int], draw: int, count: int) -> np.ndarray:
    """Return ``count`` values from 0 up to but not including 1, float32: a word's upper 24 bits."""
    drawn = words(key, draw << 32, -(-count // 4)).reshape(-1)[:count]
    return (drawn >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
