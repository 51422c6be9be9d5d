"""Packed ternary weights: four rows in a byte (2 bits a weight) or five (1.6 bits), the same bytes for every processor.

``docs/ternary.md`` is the specification; the kernels that read it are ``runtime/include/tk_ternary.h`` and its kin.
"""

from __future__ import annotations

import numpy as np

from quantize.ternary import NotTernaryError

ROWS = {"t2": 4, "t3": 5}  # rows whose weights of one column share a byte
_PLACES = {"t2": (1, 4, 16, 64), "t3": (81, 27, 9, 3, 1)}  # what a code of row 0, 1, ... of a group counts
_T3_CODES = 3**5


def pack_ternary(matrix: np.ndarray, packing: str) -> np.ndarray:
    """Pack (rows, columns) weights in -1..1.

    ``t2``: row ``r`` of a group has its code, weight + 1, in bits ``2r`` and ``2r + 1``. ``t3``: the group's codes are
    the digits of ``v``, row 0 first, and the byte is ``ceil(256 v / 243)``. Missing rows have weight 0.

    Args:
        matrix: integer, two axes, of any size.
        packing: ``t2`` or ``t3``.

    Returns:
        uint8 (ceil(rows / 4 or 5), columns): for each group of rows a byte for every column.

    Raises:
        NotTernaryError: a weight is not -1, 0 or 1; says which.
    """
    if packing not in ROWS:
        raise ValueError(f"there is no packing {packing!r}, only {' and '.join(ROWS)}")
    if matrix.ndim != 2:
        raise ValueError(f"weights to pack have two axes, not {matrix.ndim}")
    wrong = (matrix < -1) | (matrix > 1) | (matrix != np.rint(matrix))
    if wrong.any():
        row, column = (int(i) for i in np.unravel_index(wrong.argmax(), wrong.shape))
        raise NotTernaryError(f"row {row}, column {column} holds {matrix[row, column]}, not -1, 0 or 1")
    rows, columns = matrix.shape
    codes = np.pad(matrix.astype(np.int64) + 1, [(0, -rows % ROWS[packing]), (0, 0)], constant_values=1)
    groups = codes.reshape(-1, ROWS[packing], columns)
    values = np.einsum("grk,r->gk", groups, np.array(_PLACES[packing]))
    packed = (values if packing == "t2" else -(-256 * values // _T3_CODES)).astype(np.uint8)
    if not np.array_equal(unpack_ternary(packed, packing, rows), matrix):
        raise AssertionError(f"{packing}: unpacking does not give back what was packed")
    return packed


def unpack_ternary(packed: np.ndarray, packing: str, rows: int) -> np.ndarray:
    """Return the int8 (rows, columns) weights that ``pack_ternary`` packed.

    Raises:
        NotTernaryError: a byte stands for no weights; says which.
    """
    if packed.shape[0] != -(-rows // ROWS[packing]):
        raise ValueError(f"{packed.shape[0]} groups of {ROWS[packing]} rows are not {rows} rows")
    table, valid = _decoded(packing)
    if not valid[packed].all():
        group, column = (int(i) for i in np.unravel_index(valid[packed].argmin(), packed.shape))
        raise NotTernaryError(
            f"group {group}, column {column} holds byte {packed[group, column]}, no {packing} code"
        )
    return table[:, packed].transpose(1, 0, 2).reshape(-1, packed.shape[1])[:rows]


def _decoded(packing: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the int8 (rows of a group, 256) weights of every byte, and which bytes stand for weights."""
    byte = np.arange(256)
    if packing == "t2":
        codes = np.stack([byte // place % 4 for place in _PLACES["t2"]])
        return (codes - 1).astype(np.int8), np.asarray((codes < 3).all(0))
    value: np.ndarray = byte * _T3_CODES // 256
    codes = np.stack([value // place % 3 for place in _PLACES["t3"]])
    valid: np.ndarray = -(-256 * value // _T3_CODES) == byte
    return (codes - 1).astype(np.int8), valid
