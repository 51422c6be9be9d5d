"""Tiles of the Armv7E-M depthwise kernels: four channels gathered to planes, strip by strip of output rows."""

from __future__ import annotations

import numpy as np

from toolkit.ops.pack_pairs import finishing_words
from toolkit.ops.weighted import Folded
from toolkit.ops.window import Window

PLANE_COLUMNS = 16  # of a tile's input, as in runtime/include/tk_planes_dsp.h
PLANE_ROW_BYTES = 4 * PLANE_COLUMNS * 2
_ROWS, _OUTPUTS = 6, 32  # a tile has at least that many, where there are
_LINES_BYTES = 6144  # and as few rows as keep the copied input lines about that small


def tile_size(w: Window) -> tuple[int, int]:
    """Return the output rows and columns of a tile: as even as can be, in planes of ``PLANE_COLUMNS``."""
    most = (PLANE_COLUMNS - w.kernel_w - w.kernel_w % 2) // w.stride_w + 1
    columns = -(-w.out_w // -(-w.out_w // most))
    columns = min(most, columns + columns % 2)
    fits = _LINES_BYTES // (w.in_w * w.in_c)
    rows = min(w.out_h, max(2, min(fits, max(_ROWS, -(-_OUTPUTS // columns)))))
    return -(-w.out_h // -(-w.out_h // rows)), columns


def strip_scratch_bytes(w: Window) -> int:
    """Return the bytes of a tile's planes, and with stride 1 of a strip's input lines."""
    rows = (tile_size(w)[0] - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
    return rows * (PLANE_ROW_BYTES + (w.in_w * w.in_c if w.stride_h == 1 else 0))


def strip_overlap_bytes(w: Window) -> int:
    """Return how far the outputs of a strip reach above the first input row that is still to be read."""
    begin = np.arange(0, w.out_h, tile_size(w)[0])
    end = np.minimum(begin + tile_size(w)[0], w.out_h)
    unread = (end - 1) * w.stride_h - w.pad_top + (w.kernel_h - 1) * w.dilation_h + 1
    if w.stride_h != 1:  # else all rows above have been copied
        unread = begin * w.stride_h - w.pad_top
    reach = end * w.out_w * w.out_c - np.maximum(unread, 0) * w.in_w * w.in_c
    return int(reach[unread < w.in_h].max(initial=0))


def three_by_three_words(folded: Folded) -> np.ndarray | None:
    """Return five words per channel, flat int32, or None where a sum or its rounding does not fit.

    The taps of each kernel row in the lowest bytes, the final shift in the highest of the first; bias, times 256
    or for double rounding 2; multiplier.
    """
    channels = folded.weight.shape[0]
    words = finishing_words(folded, np.full(channels, 8))
    if words is None:
        return None
    multiplier, constant, shift = words.astype(np.int64).T
    bias = folded.bias * (2 if folded.rounding == "double" else 256)
    taps = folded.weight.reshape(channels, 3, 3).astype(np.uint8).astype(np.uint32)
    fixed = multiplier == 0  # then the constant alone is the output; here the bias must be
    bias = np.where(fixed, 8 * ((constant >> 1) - folded.zero_point), bias)
    multiplier = np.where(fixed, 2**30, multiplier)
    taps[fixed] = 0
    rows = taps[..., 0] | taps[..., 1] << 8 | taps[..., 2] << 16
    rows[:, 0] |= shift.astype(np.uint32) << 24
    table = np.concatenate([rows.view(np.int32), np.stack([bias, multiplier], -1).astype(np.int32)], -1)
    return np.ascontiguousarray(table).reshape(-1)


def tap_pairs(folded: Folded) -> np.ndarray:
    """Return the taps as pairs of 16-bit lanes, each kernel row rounded up to whole pairs; flat uint32."""
    taps = folded.weight.astype(np.int64) & 0xFFFF
    taps = np.pad(taps, [(0, 0), (0, 0), (0, taps.shape[2] % 2)])
    return (taps[..., 0::2] | taps[..., 1::2] << 16).astype(np.uint32).reshape(-1)
