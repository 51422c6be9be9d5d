"""Weight layouts and tables of the RV32IM kernels; see ``runtime/include/tk_rv32.h``."""

from __future__ import annotations

import numpy as np

from toolkit.ops.base import Emitter
from toolkit.ops.pack_ternary import proven
from toolkit.ops.weighted import Folded

_MOST_SUM = 2**29
_MOST_SHIFT = 20  # the zero point, shifted by it, shares a word with the rounding
_MOST_WEIGHT = (2**20 - 1) // 128  # what absolute weights may add up to where three sums share two words


def fits(folded: Folded) -> bool:
    """True when biases, shifts and sums keep within what the kernels' tables and multiplications hold."""
    weight = np.abs(folded.weight.reshape(len(folded.bias), -1).astype(np.int64))
    shift = _shifts(folded)
    return bool(
        (128 * weight.sum(1) + np.abs(folded.bias)).max(initial=0) < _MOST_SUM
        and (folded.multiplier > 0).all()
        and (shift >= 1).all()
        and (shift <= _MOST_SHIFT).all()
    )


def _shifts(folded: Folded) -> np.ndarray:
    """Return what is left to shift after the high word of the product, or its high 33 bits."""
    return folded.shift - (31 if folded.rounding == "double" else 32)


def finish(folded: Folded, emitter: Emitter) -> str:
    """Define the table of channels, in whole fours; return the address of a ``tk_finish_rv32``."""
    shift = _shifts(folded)
    channels = len(folded.bias)
    table = np.zeros((-(-channels // 4) * 4, 4), np.int64)
    table[:channels, 0] = folded.bias
    table[:channels, 1] = folded.multiplier
    table[:channels, 2] = (1 << (shift - 1)) + (folded.zero_point << shift)
    table[:channels, 3] = shift
    entries = emitter.constant("channels", table.astype(np.int32))
    fields = f"{{(const tk_channel_rv32 *){entries}, {folded.low}, {folded.high}}}"
    return emitter.local("tk_finish_rv32", "finish", fields)


def pack_four_rows(matrix: np.ndarray) -> np.ndarray:
    """Store (channels, depth) weights with four rows of a column side by side; missing rows are 0. Flat int8."""
    m = np.pad(matrix, [(0, -matrix.shape[0] % 4), (0, 0)])
    return np.ascontiguousarray(m.reshape(m.shape[0] // 4, 4, -1).transpose(0, 2, 1)).reshape(-1)


def part_columns(matrix: np.ndarray) -> int:
    """Return the most columns, in equal parts, over which all sums of a (channels, depth) matrix stay below 2^20."""
    weight = np.abs(matrix.astype(np.int64))
    depth = weight.shape[1]
    parts = 1
    while True:
        size = -(-depth // parts)
        starts = np.arange(0, depth, size)
        if np.add.reduceat(weight, starts, axis=1).max() <= _MOST_WEIGHT:
            return size
        parts += 1


def pack_words(matrix: np.ndarray) -> np.ndarray:
    """Store (channels, depth) weights as words of four rows, 128 added to all but the highest byte's. Flat int32.

    Words of sixteen rows lie side by side; missing rows are 0.
    """
    m = np.pad(matrix.astype(np.int64), [(0, -matrix.shape[0] % 16), (0, 0)])
    rows = m.reshape(m.shape[0] // 16, 4, 4, -1) + np.array([128, 128, 128, 0])[:, None]
    words = (rows << np.array([0, 8, 16, 24])[:, None]).sum(2)
    return np.ascontiguousarray(words.transpose(0, 2, 1)).astype(np.int32).reshape(-1)


def pack_ternary_columns(matrix: np.ndarray) -> np.ndarray:
    """Store (channels, depth) weights in -1..1 as words of a column's sixteen rows, two bits each. Flat uint32.

    Bits hold weights + 1, row 0 lowest; missing rows are 0.
    """
    m = np.pad(matrix.astype(np.int64), [(0, -matrix.shape[0] % 16), (0, 0)]) + 1
    words = (m.reshape(m.shape[0] // 16, 16, -1) << 2 * np.arange(16)[:, None]).sum(1)
    return proven(words.astype(np.uint32).reshape(-1), unpack_ternary_columns, matrix)


def unpack_ternary_columns(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the weights that ``pack_ternary_columns`` packed."""
    codes = packed.reshape(-1, 1, columns) >> 2 * np.arange(16, dtype=np.uint32)[:, None] & 3
    return codes.reshape(-1, columns)[:rows].astype(np.int8) - 1
