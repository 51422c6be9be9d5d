"""How the Helium kernels lay out weights, biases and scales: tiles of four output channels, read in one stream."""

from __future__ import annotations

import numpy as np

from quantize.packed import pack_ternary
from toolkit.lower.ir import Step
from toolkit.ops.base import Emitter
from toolkit.ops.weighted import Folded, fold, weight_type

LANES = 16  # int8 products in one VMLADAVA
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


def pack_tiles(matrix: np.ndarray, weights: str) -> np.ndarray:
    """Return a (channels, depth) ``matrix`` of "int8", "int4" or "ternary" weights as uint32, flat.

    Tiles of four rows; in each, for every 16 columns: int8, the four rows; int4, two rows a byte, rows 0 and 1, then
    2 and 3, the even one in the lower half; ternary, the bytes of ``t2`` (``quantize.packed``). Missing rows and
    columns are 0.
    """
    rows, depth = matrix.shape
    padded = np.pad(matrix, [(0, -rows % CHANNELS), (0, -depth % LANES)]).astype(np.int8)
    chunks = padded.reshape(-1, CHANNELS, padded.shape[1] // LANES, LANES).transpose(0, 2, 1, 3)
    if weights == "int4":
        chunks = (chunks[:, :, 0::2] & 15) | (chunks[:, :, 1::2] << 4)
    elif weights == "ternary":
        chunks = pack_ternary(padded, "t2")
    return np.ascontiguousarray(chunks).view(np.uint8).reshape(-1).view("<u4").astype(np.uint32)


def matrix_fields(step: Step, folded: Folded, matrix: np.ndarray, emitter: Emitter) -> str:
    """Define tiles and constants and return the address of a ``tk_matrix_mve`` of them."""
    rows, depth = matrix.shape
    tiles = emitter.constant("weight", pack_tiles(matrix, weight_type(step)))
    blocks = np.ascontiguousarray(constants(folded, are_large(folded)))
    scales = emitter.constant("scales", blocks.reshape(-1).view("<u4").astype(np.uint32))
    sizes = f"{-(-depth // LANES)}, {rows}, {folded.zero_point}, {folded.low}, {folded.high}"
    fields = f"{{(const int8_t *){tiles}, (const int8_t *){scales}, {sizes}}}"
    return emitter.local("tk_matrix_mve", "matrix", fields)


SUFFIX = {"int8": "s8", "int4": "s4", "ternary": "t2"}  # of C functions


def function_name(what: str, step: Step) -> str:
    """Return the C function that computes a ``what`` (pixel or row) of the step: see ``tk_row_mve.h``."""
    weights = SUFFIX[weight_type(step)]
    twice = "_twice" if step.rounding == "double" else ""
    if are_large(fold(step)):
        return f"tk_{what}_{weights}_large{twice}_mve"
    ragged = "_ragged" if step.output.shape[-1] % CHANNELS else ""
    return f"tk_{what}_{weights}{twice}{ragged}_mve"
