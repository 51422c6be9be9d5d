"""Weight layouts and tables of the Armv6-M kernels; see ``runtime/include/tk_v6m.h``."""

from __future__ import annotations

import numpy as np

from toolkit.ops.base import Emitter
from toolkit.ops.weighted import Folded

_MOST_BIAS = 2**23  # it shares a word with the shift
_MOST_SUM = 2**29


def fits(folded: Folded, bias: np.ndarray | None = None, shifted: int = 0) -> bool:
    """True when biases, shifts and sums keep within what the kernels' tables and multiplications hold.

    ``bias``: what the table will hold, the folded bias unless given. ``shifted``: see ``scale_bits``.
    """
    channels = folded.weight.shape[0]
    weight = np.abs(folded.weight.reshape(channels, -1).astype(np.int64))
    shift = _shifts(folded) + shifted
    bias = np.abs(folded.bias if bias is None else bias)
    return bool(
        weight.max(initial=0) <= 127  # -128 twice in a row would overflow 16 bits
        and bias.max(initial=0) < _MOST_BIAS
        and (128 * weight.sum(1) + bias).max(initial=0) << shifted < _MOST_SUM
        and (folded.multiplier > 0).all()
        and (shift >= 1).all()
        and (shift <= 31).all()
    )


def _shifts(folded: Folded) -> np.ndarray:
    """Return what is left to shift after the high word of the product, or its high 33 bits."""
    return folded.shift - (31 if folded.rounding == "double" else 32)


def scale_bits(folded: Folded) -> int:
    """Return by how many bits ternary kernels shift their sums first, so that large multipliers keep a bit to round."""
    return 0 if folded.rounding == "double" else 3


def finish(folded: Folded, bias: np.ndarray, emitter: Emitter, shifted: int = 0) -> str:
    """Define the table of biases, multipliers and shifts; return the address of a ``tk_finish_v6m``."""
    channels = len(bias)
    words = np.empty((channels, 2), np.int64)
    words[:, 0] = folded.multiplier
    words[:, 1] = 256 * bias + _shifts(folded) + shifted
    table = emitter.constant("table", words.astype(np.int32))
    fields = f"{{{table}, {folded.zero_point - folded.low}, {folded.high - folded.low}, {folded.low}}}"
    return emitter.local("tk_finish_v6m", "finish", fields)


def pack_row_pairs(matrix: np.ndarray) -> np.ndarray:
    """Store (channels, depth) weights + 128, two rows by two columns in turn; missing ones are 0. Flat uint8."""
    pad = [(0, -matrix.shape[0] % 2), (0, -matrix.shape[1] % 2)]
    m = np.pad(matrix.astype(np.int64), pad) + 128
    rows, columns = m.shape
    return m.reshape(rows // 2, 2, columns // 2, 2).transpose(0, 2, 1, 3).astype(np.uint8).reshape(-1)


def pack_four_rows(matrix: np.ndarray) -> np.ndarray:
    """Store (channels, depth) weights + 128, four rows of a column side by side; missing rows are 0. Flat uint8."""
    m = np.pad(matrix.astype(np.int64), [(0, -matrix.shape[0] % 4), (0, 0)]) + 128
    return m.reshape(m.shape[0] // 4, 4, -1).transpose(0, 2, 1).astype(np.uint8).reshape(-1)
