"""Weight layouts in flash: what portable kernels read, and two rows in one multiply for cores with SMLAD."""

from __future__ import annotations

import numpy as np

from quantize.packed import pack_ternary
from toolkit.lower.ir import Quantization
from toolkit.ops.pack_ternary import padded


def pack_int4(matrix: np.ndarray) -> np.ndarray:
    """Pack (channels, depth) weights in -8..7 into 4 bits each: even columns in the lower half of a byte.

    Each row starts on a byte; a missing column gets weight 0. Returns int8 (channels, ceil(depth / 2)).
    """
    m = padded(matrix, 1, 2).reshape(matrix.shape[0], -1, 2)
    return ((m[..., 0] & 15) | ((m[..., 1] & 15) << 4)).astype(np.uint8).view(np.int8)


def pack_portable(matrix: np.ndarray, quant: Quantization) -> tuple[str, np.ndarray]:
    """Return (channels, depth) weights as the portable kernels store their range, and those kernels' suffix."""
    if quant.is_ternary:
        return "t2", pack_ternary(matrix, "t2")
    return ("s4", pack_int4(matrix)) if quant.is_int4 else ("s8", matrix)


def pack_two_rows(matrix: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    """Interleave int8 rows a, b as 16-bit halves ``256 * b + a`` for SMLAD.

    Per tile of four rows (pairs A, B) and four columns: words A02, B02, A13, B13, where A02 holds columns 0 and 2
    of pair A (the order SXTB16 unpacks activations in). ``bias`` becomes the accumulators' start,
    per tile: A combined, A low row, B combined, B low row. Returns uint32 ``weight`` and int32 ``bias``.
    """
    m = padded(matrix, 4, 4)
    pairs = (m[0::2] + 256 * m[1::2]).reshape(m.shape[0] // 4, 2, -1, 4)  # (tile, pair, group, column)
    halves = pairs & 0xFFFF
    words = halves[..., [0, 1]] | (halves[..., [2, 3]] << 16)  # (tile, pair, group, even/odd)
    b = np.pad(bias.astype(np.int64), (0, -len(bias) % 4)).reshape(-1, 2, 2)  # (tile, pair, row)
    start = np.stack([b[..., 0] + 256 * b[..., 1], b[..., 0]], -1)
    return {
        "weight": words.transpose(0, 2, 3, 1).astype(np.uint32).reshape(-1),
        "bias": (start & 0xFFFFFFFF).astype(np.uint32).view(np.int32).reshape(-1),
    }
