"""Ternary weights in flash: each layout with its inverse, by which every packing is proven before it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

_T = TypeVar("_T")
_ROTATIONS = np.array([0, 4, 8, 12], np.uint32)  # columns (0, 2) of pair A, of pair B, then (1, 3) of both

_DIGITS = np.array([27, 9, 3, 1])
_FIVE_DIGITS = np.array([81, 27, 9, 3, 1])
_SPARSE_COLUMNS = 255


def padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Zero-pad a matrix to multiples of ``rows`` and ``columns``; int64."""
    pad = [(0, -matrix.shape[0] % rows), (0, -matrix.shape[1] % columns)]
    return np.pad(matrix.astype(np.int64), pad)


def proven(packed: _T, unpack: Callable[[_T, int, int], np.ndarray], matrix: np.ndarray) -> _T:
    """Return ``packed`` once ``unpack(packed, rows, columns)`` gave back ``matrix``.

    Raises:
        AssertionError: it did not: an error of the packer, or weights that are not ternary.
    """
    if np.abs(matrix).max(initial=0) > 1 or not np.array_equal(unpack(packed, *matrix.shape), matrix):
        raise AssertionError(
            f"internal error: {unpack.__name__} does not give back the weights that were packed"
        )
    return packed


def pack_ternary_tiles(matrix: np.ndarray) -> np.ndarray:
    """Pack ternary weights in tiles of four rows by four columns, 16 to a word; uint32, flat, tile rows in turn.

    Rows a, b of a pair and a column make a 16-bit lane ``2**14 * b + (a + 1)``. Lanes of columns 0 and 2, or 1 and 3
    (the order in which SXTB16 unpacks activations), lie side by side, rotated left by 0 (pair A, columns 0 and 2), 4
    (pair B), 8 (pair A, columns 1 and 3) and 12 (pair B): one AND with a rotated operand and mask 0xC003C003 yields
    two rows by two columns. Missing rows and columns get weight 0.
    """
    m = padded(matrix, 4, 4)
    m = m.reshape(m.shape[0] // 4, 2, 2, -1, 4)  # tile, pair, row, group, column
    lanes = ((m[:, :, 1] & 3) << 14) | (m[:, :, 0] + 1)  # tile, pair, group, column
    fields = lanes[..., :2] | (lanes[..., 2:] << 16)  # tile, pair, group, odd columns
    fields = fields.transpose(0, 2, 3, 1).reshape(m.shape[0], -1, 4).astype(np.uint32)
    words = np.bitwise_or.reduce((fields << _ROTATIONS) | (fields >> (32 - _ROTATIONS) % 32), -1)
    return proven(words.astype(np.uint32).reshape(-1), unpack_ternary_tiles, matrix)


def unpack_ternary_tiles(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the weights that ``pack_ternary_tiles`` packed, as the kernels' ANDs find them."""
    words = packed.reshape(-(-rows // 4), -1, 1)
    fields = ((words >> _ROTATIONS) | (words << (32 - _ROTATIONS) % 32)) & 0xC003C003
    lanes = np.stack([fields, fields >> 16], -1) & 0xFFFF  # tile, group, (odd, pair), (column / 2)
    both = np.stack([(lanes & 3).astype(np.int8) - 1, (lanes.astype(np.uint16).view(np.int16) >> 14)], -1)
    tiles, groups = words.shape[:2]  # tile, group, odd, pair, column / 2, row
    both = both.reshape(tiles, groups, 2, 2, 2, 2).transpose(0, 3, 5, 1, 4, 2)
    return both.reshape(4 * tiles, 4 * groups)[:rows, :columns].astype(np.int8)


def pack_ternary_v6m(matrix: np.ndarray) -> np.ndarray:
    """Pack ternary weights as indices of tables of four columns, one a byte; flat uint8.

    An index is the number whose base-3 digits are the four codes (weight + 1), first column first. Of 16 columns the
    four bytes of a row lie side by side, row after row; then the columns that are left, four at a time. A row of
    weights 0 is added, and rows are padded to an even number with more of them; missing columns get code 0.
    """
    rows, depth = matrix.shape
    codes = np.pad(matrix.astype(np.int64), [(0, 1 + (rows + 1) % 2), (0, 0)]) + 1
    codes = np.pad(codes, [(0, 0), (0, -depth % 4)]).reshape(len(codes), -1, 4)
    bytes_ = (codes * _DIGITS).sum(-1).astype(np.uint8)  # row, group
    whole = bytes_.shape[1] // 4 * 4
    first = bytes_[:, :whole].reshape(len(codes), -1, 4).transpose(1, 0, 2)
    packed = np.concatenate([first.reshape(-1), bytes_[:, whole:].T.reshape(-1)])
    return proven(packed, unpack_ternary_v6m, matrix)


def unpack_ternary_v6m(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the weights that ``pack_ternary_v6m`` packed."""
    lines = (rows + 2) // 2 * 2
    bytes_ = packed.reshape(-1, lines)  # rows of bytes, four times as long where four lie side by side
    whole = -(-columns // 4) // 4 * 4
    first = bytes_[:whole].reshape(-1, lines, 4).transpose(1, 0, 2).reshape(lines, -1)
    indices = np.concatenate([first, bytes_[whole:].T], 1)
    return (indices[..., None] // _DIGITS % 3).reshape(lines, -1)[:rows, :columns].astype(np.int8) - 1


def pack_columns5(matrix: np.ndarray) -> np.ndarray:
    """Pack ternary weights in 1.6 bits; flat uint8.

    The codes (weight + 1) of five columns are a byte's base-3 digits, the first column's the highest. For every five
    columns a byte of each row, then one of a row of weights 0. Missing columns get weight 0.
    """
    rows = np.pad(matrix.astype(np.int64), [(0, 1), (0, -matrix.shape[1] % 5)]) + 1
    packed = (rows.reshape(len(rows), -1, 5) * _FIVE_DIGITS).sum(-1).T
    return proven(packed.astype(np.uint8).reshape(-1), unpack_columns5, matrix)


def unpack_columns5(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the weights that ``pack_columns5`` packed."""
    codes = packed.reshape(-1, rows + 1, 1) // _FIVE_DIGITS % 3
    return codes.transpose(1, 0, 2).reshape(rows + 1, -1)[:rows, :columns].astype(np.int8) - 1


def pack_sparse(matrix: np.ndarray) -> np.ndarray:
    """Store where ternary weights are not zero; flat uint8.

    Row after row, for every 255 columns: how many are 1, how many -1, then the columns of either, counted from the
    first of the 255.
    """
    parts: list[np.ndarray] = []
    for row in matrix:
        for first in range(0, len(row), _SPARSE_COLUMNS):
            part = row[first : first + _SPARSE_COLUMNS]
            plus, minus = np.flatnonzero(part == 1), np.flatnonzero(part == -1)
            parts += [np.array([len(plus), len(minus)]), plus, minus]
    return proven(np.concatenate(parts).astype(np.uint8), unpack_sparse, matrix)


def unpack_sparse(packed: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Return the weights that ``pack_sparse`` packed."""
    matrix = np.zeros((rows, columns), np.int8)
    packed = packed.astype(np.int64)
    at = 0
    for row in matrix:
        for first in range(0, columns, _SPARSE_COLUMNS):
            plus, minus = packed[at : at + 2].tolist()
            at += 2
            row[first + packed[at : at + plus]] = 1
            row[first + packed[at + plus : at + plus + minus]] = -1
            at += plus + minus
    return matrix
