"""Constants of the Armv7E-M tile: pairs of int8 rows in one multiply, and the words that finish their sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.ops.requantize import requantize
from toolkit.ops.weighted import Folded


def sums_range(folded: Folded) -> tuple[np.ndarray, np.ndarray]:
    """Return the least and the largest sum of every channel over all int8 inputs; int64 (channels,)."""
    weight = folded.weight.reshape(folded.weight.shape[0], -1).astype(np.int64)
    least, largest = np.minimum(-128 * weight, 127 * weight), np.maximum(-128 * weight, 127 * weight)
    return folded.bias + least.sum(1), folded.bias + largest.sum(1)


def finishing_words(folded: Folded, scale_bits: np.ndarray) -> np.ndarray | None:
    """Return multiplier, constant and shift of every channel, int32 (channels, 3), or None where it cannot be done.

    Of a sum times ``2**scale_bits``, SMMLA takes the high word of the product and adds the constant: the zero point
    and one half, both shifted. The low word never carries into the shifted result. Rounding twice, the sum comes times
    2 whatever ``scale_bits``, and SMMLAR rounds the high word.
    """
    low, high = sums_range(folded)
    channels = len(low)
    multiplier = np.broadcast_to(folded.multiplier, channels).astype(np.int64)
    shift = np.broadcast_to(folded.shift, channels).astype(np.int64)
    twice = folded.rounding == "double"
    left = shift - 31 if twice else shift - 32 + scale_bits
    constant = (2 * folded.zero_point + 1) << np.clip(left - 1, 0, 30)
    # A channel that gives the same whatever comes in, as dead ones do, needs no multiplier.
    ends = [requantize(acc, folded.multiplier, folded.shift, folded.rounding) for acc in (low, high)]
    fixed = (ends[0] == ends[1]) & (np.abs(ends[0]) < 2**20)
    multiplier = np.where(fixed, 0, multiplier)
    constant = np.where(fixed, 2 * (folded.zero_point + ends[0]) + 1, constant)
    left = np.where(fixed, 1, left)
    factor = 2 if twice else 1 << scale_bits
    largest = np.maximum(-low, high) * factor
    high_word = (largest >> 16) * multiplier >> 16  # of the product, or just above
    fits = (left >= 1) & (left <= 31) & (largest < 2**31 - 1) & (high_word + 2 + np.abs(constant) < 2**31)
    if not fits.all():
        return None
    return np.stack([multiplier, constant, left], -1).astype(np.int32)


def pair_rows(folded: Folded) -> Folded | None:
    """Return the layer's channels as pairs, an odd last one together with the one before it; None for one channel."""
    channels = folded.weight.shape[0]
    if channels < 2:
        return None
    order = np.arange(channels - channels % 2)
    if channels % 2:
        order = np.append(order, [channels - 2, channels - 1])
    return _pick(folded, order)


def fours(folded: Folded) -> Folded:
    """Return the channels as whole fours: the last four once more where their number is no multiple of four."""
    channels = folded.weight.shape[0]
    order = np.arange(channels - channels % 4)
    if channels % 4:
        order = np.append(order, np.arange(channels - 4, channels))
    return _pick(folded, order)


def _pick(folded: Folded, order: np.ndarray) -> Folded:
    pick = order if folded.multiplier.size > 1 else slice(None)
    return replace(
        folded,
        weight=folded.weight[order],
        bias=folded.bias[order],
        multiplier=folded.multiplier[pick],
        shift=folded.shift[pick],
    )


def pair_finish(folded: Folded) -> np.ndarray | None:
    """Return the eight words of every pair, flat int32, or None where a sum or its rounding does not fit.

    Start of the combined sum and of the first channel's, then multiplier, constant and shift of both channels.
    """
    pairs = pair_rows(folded)
    if pairs is None:
        return None
    low, high = sums_range(pairs)
    if (low[1::2] < -(2**23)).any() or (high[1::2] >= 2**23).any():
        return None
    words = finishing_words(pairs, np.tile([0, 8], len(low) // 2))
    if words is None:
        return None
    first, second = pairs.bias[0::2], pairs.bias[1::2]
    start = np.stack([first + 256 * second, first], -1) & 0xFFFFFFFF
    table = np.concatenate([start.astype(np.uint32).view(np.int32), words.reshape(-1, 6)], -1)
    return np.ascontiguousarray(table).reshape(-1)


def pair_weights(folded: Folded, row: int) -> np.ndarray:
    """Interleave the pairs' rows a, b as 16-bit halves ``256 * b + a``; flat uint32.

    The weight is (channels, rows, columns); columns are padded with 0 to ``row``, a multiple of 4. For every pair and
    four columns: the word of columns 0 and 2, then of 1 and 3 (the order in which SXTB16 unpacks activations).
    """
    pairs = pair_rows(folded)
    assert pairs is not None
    w = pairs.weight.astype(np.int64)
    w = np.pad(w, [(0, 0), (0, 0), (0, row - w.shape[2])]).reshape(len(w), -1, 4)
    halves = (w[0::2] + 256 * w[1::2]) & 0xFFFF  # (pair, group, column)
    return (halves[..., :2] | (halves[..., 2:] << 16)).astype(np.uint32).reshape(-1)
