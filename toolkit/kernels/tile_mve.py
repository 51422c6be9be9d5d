"""How the Helium kernels lay out weights, biases and scales: tiles of four output channels, read in one stream."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Emitter
from toolkit.ops.weighted import Folded, fold

LANES = 16  # int8 products in one VMLADAVA
CHANNELS = 4  # int32 lanes


def rounded_up(size: int, unit: int) -> int:
    """Return ``size`` rounded up to a multiple of ``unit``."""
    return -(-size // unit) * unit


def scales_fit(step: Step, channel_axis: int = 0) -> bool:
    """True when every real multiplier is below one half, as ``tk_requantize_mve`` needs it."""
    folded = fold(step, channel_axis)
    return bool((folded.shift[folded.multiplier != 0] >= 32).all())


def constants(folded: Folded) -> np.ndarray:
    """Return (tiles, 36) bytes: four biases, four multipliers, four shifts to the left as int8."""
    channels = len(folded.bias)
    pad = (0, -channels % CHANNELS)
    multiplier = np.broadcast_to(folded.multiplier, channels)
    shift = np.where(multiplier == 0, -1, 31 - np.broadcast_to(folded.shift, channels))
    words = [np.pad(data, pad).astype("<i4").reshape(-1, CHANNELS) for data in (folded.bias, multiplier)]
    shifts = np.pad(shift, pad, constant_values=-1).astype(np.int8).reshape(-1, CHANNELS)
    return np.hstack([*(np.ascontiguousarray(w).view(np.int8) for w in words), shifts])


def pack_tiles(folded: Folded, matrix: np.ndarray) -> np.ndarray:
    """Return tiles of an int8 (channels, depth) ``matrix`` with their constants, as uint32.

    A tile: for every 16 columns four rows of 16 weights, then ``constants``. Missing rows and columns are 0.
    """
    rows, depth = matrix.shape
    padded = np.pad(matrix, [(0, -rows % CHANNELS), (0, -depth % LANES)]).astype(np.int8)
    weights = padded.reshape(-1, CHANNELS, padded.shape[1] // LANES, LANES).transpose(0, 2, 1, 3)
    tiles = np.hstack([weights.reshape(len(weights), -1), constants(folded)])
    return np.ascontiguousarray(tiles).view("<u4").astype(np.uint32).reshape(-1)


def matrix_fields(folded: Folded, matrix: np.ndarray, emitter: Emitter) -> str:
    """Define the tiles and return the address of a ``tk_matrix_mve`` of them."""
    rows, depth = matrix.shape
    tiles = emitter.constant("weight", pack_tiles(folded, matrix))
    bounds = f"{folded.zero_point}, {folded.low}, {folded.high}"
    fields = f"{{(const int8_t *){tiles}, {-(-depth // LANES)}, {rows}, {bounds}}}"
    return emitter.local("tk_matrix_mve", "matrix", fields)
