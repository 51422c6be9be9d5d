"""Weight layouts in flash: 2-bit ternary, and two rows in one multiply for cores with SMLAD."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Quantization


def _padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Zero-pad a matrix to multiples of ``rows`` and ``columns``; int64."""
    pad = [(0, -matrix.shape[0] % rows), (0, -matrix.shape[1] % columns)]
    return np.pad(matrix.astype(np.int64), pad)


def pack_ternary(matrix: np.ndarray) -> np.ndarray:
    """Pack (channels, depth) weights in -1..1 into 2 bits each: codes 0, 1, 2, four a byte, lowest bits first.

    Each row starts on a byte; missing columns get code 1 (weight 0). Returns uint8 (channels, ceil(depth / 4)).
    """
    codes = (_padded(matrix, 1, 4) + 1).reshape(matrix.shape[0], -1, 4)
    return (codes << np.array([0, 2, 4, 6])).sum(-1).astype(np.uint8)


def pack_int4(matrix: np.ndarray) -> np.ndarray:
    """Pack (channels, depth) weights in -8..7 into 4 bits each: even columns in the lower half of a byte.

    Each row starts on a byte; a missing column gets weight 0. Returns int8 (channels, ceil(depth / 2)).
    """
    m = _padded(matrix, 1, 2).reshape(matrix.shape[0], -1, 2)
    return ((m[..., 0] & 15) | ((m[..., 1] & 15) << 4)).astype(np.uint8).view(np.int8)


def pack_portable(matrix: np.ndarray, quant: Quantization) -> tuple[str, np.ndarray]:
    """Return (channels, depth) weights as the portable kernels store their range, and those kernels' suffix."""
    if quant.is_ternary:
        return "t2", pack_ternary(matrix)
    return ("s4", pack_int4(matrix)) if quant.is_int4 else ("s8", matrix)


def pack_two_rows(matrix: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Interleave int8 rows a, b as 16-bit halves ``256 * b + a`` for SMLAD.

    Per tile of four rows (pairs A, B) and four columns: words A02, B02, A13, B13, where A02 holds columns 0 and 2
    of pair A (the order SXTB16 unpacks activations in). ``bias`` becomes the accumulators' start,
    per tile: A combined, A low row, B combined, B low row. Returns uint32 ``weight`` and int32 ``bias``.
    """
    m = _padded(matrix, 4, 4)
    pairs = (m[0::2] + 256 * m[1::2]).reshape(m.shape[0] // 4, 2, -1, 4)  # (tile, pair, group, column)
    halves = pairs & 0xFFFF
    words = halves[..., [0, 1]] | (halves[..., [2, 3]] << 16)  # (tile, pair, group, even/odd)
    b = np.pad(bias.astype(np.int64), (0, -len(bias) % 4)).reshape(-1, 2, 2)  # (tile, pair, row)
    start = np.stack([b[..., 0] + 256 * b[..., 1], b[..., 0]], -1)
    return {
        "weight": words.transpose(0, 2, 3, 1).astype(np.uint32).reshape(-1),
        "bias": (start & 0xFFFFFFFF).astype(np.uint32).view(np.int32).reshape(-1),
    }


def pack_ternary_two_rows(matrix: np.ndarray) -> np.ndarray:
    """Pack ternary rows a, b into 16-bit lanes ``2**14 * b + (a + 1)``: 16 weights a word, no bit wasted.

    Rows are padded to four, columns to eight. Word for pair p and eight columns: lane pairs (0,2), (1,3), (4,6),
    (5,7), each rotated left by 0, 4, 8, 12, so that one AND with a rotated operand and mask 0xC003C003 yields two
    rows times two columns. Per tile of four rows: words of pair A and B alternate. Returns uint32, flat.
    """
    m = _padded(matrix, 4, 8).reshape(
        -1, 2, 2, -(-matrix.shape[1] // 8), 2, 4
    )  # tile, pair, row, group, half, col
    lanes = ((m[:, :, 1] & 3) << 14) | (m[:, :, 0] + 1)  # (tile, pair, group, half, column)
    fields = lanes[..., [0, 1]] | (lanes[..., [2, 3]] << 16)  # (tile, pair, group, half, even/odd)
    fields = fields.reshape(*fields.shape[:3], 4)
    rotation = np.array([0, 4, 8, 12])
    rotated = ((fields << rotation) | (fields >> (32 - rotation))) & 0xFFFFFFFF
    return np.bitwise_or.reduce(rotated, -1).transpose(0, 2, 1).astype(np.uint32).reshape(-1)
