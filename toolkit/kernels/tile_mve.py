"""How the Helium kernels lay out weights, biases and scales: tiles of four output channels, read in one stream."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Emitter
from toolkit.ops.weighted import Folded, fold, weight_type

LANES = 16  # int8 products in one VMLADAVA
COLUMNS = {"int8": LANES, "int4": 2 * LANES, "ternary": 4 * LANES}  # of a chunk: a row of it is 16 bytes
CHANNELS = 4  # int32 lanes


def rounded_up(size: int, unit: int) -> int:
    """Return ``size`` rounded up to a multiple of ``unit``."""
    return -(-size // unit) * unit


def are_large(folded: Folded) -> bool:
    """True when some real multiplier is one half or more: such sums go to the left before they are multiplied."""
    return bool((folded.shift[folded.multiplier != 0] < 32).any())


def constants(folded: Folded, large: bool) -> np.ndarray:
    """Return (tiles, bytes): four biases, four multipliers, four shifts to the left as int8: 36 bytes.

    Where the layer's scales ``are_large``, four more int8: how far the sum goes to the left before that.
    See ``tk_requantize_mve.h``.
    """
    channels = len(folded.bias)
    pad = (0, -channels % CHANNELS)
    multiplier, shift = (np.broadcast_to(n, channels) for n in (folded.multiplier, folded.shift))
    parts = [
        np.pad(data, pad).astype("<i4").reshape(-1, CHANNELS).view(np.int8)
        for data in (folded.bias, multiplier)
    ]
    shift = np.where(multiplier == 0, 32, shift)
    least = 31 if folded.rounding == "double" else 32  # rounding once needs a bit to round
    shifts = [31 - np.maximum(shift, least)]
    if large:
        shifts.append(np.maximum(least - shift, 0))
    parts += [np.pad(n, pad).astype(np.int8).reshape(-1, CHANNELS) for n in shifts]
    return np.hstack(parts)


def pack_tiles(folded: Folded, matrix: np.ndarray) -> np.ndarray:
    """Return tiles of an int8 (channels, depth) ``matrix`` with their constants, as uint32.

    A tile: for every 16 columns four rows of 16 weights, then ``constants``. Missing rows and columns are 0.
    """
    padded = _padded(matrix, LANES)
    return _tiles(padded.reshape(-1, CHANNELS, padded.shape[1] // LANES, LANES), folded)


def pack_ternary_tiles(folded: Folded, matrix: np.ndarray) -> np.ndarray:
    """Return tiles of a (channels, depth) ``matrix`` in -1..1 with their constants, as uint32.

    A tile: for every 64 columns four rows of 16 bytes, then ``constants``. Byte k of a row holds the codes
    (weight + 1) of columns k, k + 16, k + 32 and k + 48, lowest bits first. Missing weights are 0, code 1.
    """
    codes = _padded(matrix, COLUMNS["ternary"]) + 1
    fields = codes.reshape(-1, CHANNELS, codes.shape[1] // COLUMNS["ternary"], 4, LANES).astype(np.uint8)
    return _tiles((fields << np.array([0, 2, 4, 6], np.uint8)[:, None]).sum(3).astype(np.uint8), folded)


def pack_int4_tiles(folded: Folded, matrix: np.ndarray) -> np.ndarray:
    """Return tiles of a (channels, depth) ``matrix`` in -8..7 with their constants, as uint32.

    A tile: for every 32 columns four rows of 16 bytes, then ``constants``. Byte k of a row holds column k in its
    lower half, column k + 16 in its upper half. Missing weights are 0.
    """
    padded = _padded(matrix, COLUMNS["int4"])
    halves = padded.reshape(-1, CHANNELS, padded.shape[1] // COLUMNS["int4"], 2, LANES) & 15
    return _tiles((halves[:, :, :, 0] | halves[:, :, :, 1] << 4).astype(np.uint8), folded)


PACK = {"int8": pack_tiles, "int4": pack_int4_tiles, "ternary": pack_ternary_tiles}
SUFFIX = {"int8": "s8", "int4": "s4", "ternary": "t2"}  # of C functions


def _padded(matrix: np.ndarray, lanes: int) -> np.ndarray:
    rows, depth = matrix.shape
    return np.pad(matrix, [(0, -rows % CHANNELS), (0, -depth % lanes)]).astype(np.int8)


def _tiles(rows: np.ndarray, folded: Folded) -> np.ndarray:
    """Join (tiles, 4, chunks, 16) bytes, chunks outermost in a tile, with the tiles' constants."""
    weights = np.ascontiguousarray(rows.transpose(0, 2, 1, 3)).view(np.int8).reshape(len(rows), -1)
    return (
        np.hstack([weights, constants(folded, are_large(folded))]).view("<u4").astype(np.uint32).reshape(-1)
    )


def lanes_of(step: Step) -> int:
    """Return how many columns a chunk of the step's tiles has."""
    return COLUMNS[weight_type(step)]


def matrix_fields(step: Step, folded: Folded, matrix: np.ndarray, emitter: Emitter) -> str:
    """Define the tiles and return the address of a ``tk_matrix_mve`` of them."""
    rows, depth = matrix.shape
    tiles = emitter.constant("weight", PACK[weight_type(step)](folded, matrix))
    bounds = f"{folded.zero_point}, {folded.low}, {folded.high}"
    fields = f"{{(const int8_t *){tiles}, {-(-depth // lanes_of(step))}, {rows}, {bounds}}}"
    return emitter.local("tk_matrix_mve", "matrix", fields)


def function_name(what: str, step: Step) -> str:
    """Return the C function that computes a ``what`` (pixel or row) of the step: see ``tk_row_mve.h``."""
    weights = SUFFIX[weight_type(step)]
    twice = "_twice" if step.rounding == "double" else ""
    if are_large(fold(step)):
        return f"tk_{what}_{weights}_large{twice}_mve"
    ragged = "_ragged" if step.output.shape[-1] % CHANNELS else ""
    return f"tk_{what}_{weights}{twice}{ragged}_mve"
