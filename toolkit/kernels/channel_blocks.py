"""Constants in blocks of eight output channels, as the ``_simd`` kernels read them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.ops.weighted import Folded

CHANNELS = 8  # of a block
_COLUMNS = 4  # of a channel, side by side: what one vector instruction multiplies and adds


def padded_depth(depth: int) -> int:
    """Return the columns of a packed matrix: whole pairs of groups of four."""
    return -(-depth // 8) * 8


def pack_matrix(matrix: np.ndarray) -> np.ndarray:
    """Pack int8 (channels, depth) by blocks of eight channels by four columns, zero-padded. Flat int8.

    Of a block the four weights of its first channel come first, then those of the second, and so on; the next block
    holds the next four columns of the same channels.
    """
    channels, depth = matrix.shape
    padded = np.pad(matrix, [(0, -channels % CHANNELS), (0, padded_depth(depth) - depth)])
    blocks = padded.reshape(-1, CHANNELS, padded_depth(depth) // _COLUMNS, _COLUMNS)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)).reshape(-1)


def pack_bias(folded: Folded) -> np.ndarray:
    """Return padded biases, then those for inputs of which every value is 128 larger. ``folded`` is padded. int32."""
    sums = folded.weight.reshape(folded.weight.shape[0], -1).astype(np.int64).sum(1)
    shifted = folded.bias - 128 * np.pad(sums, (0, folded.bias.size - sums.size))
    return np.concatenate([folded.bias, shifted]).astype(np.int32)


def pad_channels(folded: Folded) -> Folded:
    """Give every channel a multiplier and shift of its own, and pad all but the weights to whole blocks."""
    channels = folded.bias.size
    each = replace(
        folded,
        multiplier=np.broadcast_to(folded.multiplier, channels),
        shift=np.broadcast_to(folded.shift, channels),
    )
    missing = (0, -channels % CHANNELS)
    return replace(
        each,
        bias=np.pad(each.bias, missing),
        multiplier=np.pad(each.multiplier, missing),
        shift=np.pad(each.shift, missing, constant_values=31),
    )


def has_weights_in_range(weight: np.ndarray) -> bool:
    """True when no weight is -128, so that two products of int8 fit in 16 bits."""
    return bool((weight > -128).all())


def pack_taps(matrix: np.ndarray) -> np.ndarray:
    """Turn int8 (channels, taps) into (taps, channels), taps zero-padded to even, channels to whole blocks. Flat."""
    channels, taps = matrix.shape
    return np.ascontiguousarray(np.pad(matrix, [(0, -channels % CHANNELS), (0, taps % 2)]).T).reshape(-1)
