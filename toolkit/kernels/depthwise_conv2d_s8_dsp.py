"""int8 depthwise 3x3 convolution with SMLAD: four channels of a tile gathered to planes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.pack_pairs import finishing_words
from toolkit.ops.pair_cases import depthwise_cases
from toolkit.ops.weighted import Folded, fold, input_zero_point
from toolkit.ops.window import Window, window_of

PLANE_COLUMNS = 16  # of a tile's input, as in runtime/include/tk_depthwise_tile_dsp.h
PLANE_ROW_BYTES = 4 * PLANE_COLUMNS * 2
_ROWS, _OUTPUTS = 6, 32  # a tile has at least that many, where there are
_LINES_BYTES = 6144  # and as few rows as keep the copied input lines about that small


class DepthwiseConv2dS8Dsp(Kernel):
    """3x3 taps, stride 1 or 2, one output per input channel."""

    name = "tk_depthwise_conv2d_s8_dsp"
    op = "depthwise_conv2d"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        if step.inputs[1].dtype != "int8" or step.inputs[1].quant is None:
            return False
        w = window_of(step)
        taps = (w.kernel_h, w.kernel_w, w.dilation_h, w.dilation_w) == (3, 3, 1, 1)
        strided = (w.stride_h, w.stride_w) in ((1, 1), (2, 2))
        if not (taps and strided and w.in_c == w.out_c >= 4 and w.out_w >= 2):
            return False
        return depthwise_words(fold(step, channel_axis=2)) is not None

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry = window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        folded = fold(step, channel_axis=2)
        words = depthwise_words(folded)
        assert words is not None
        w = emitter.constant("weight", words)
        double = int(folded.rounding == "double")
        numbers = [2 * folded.zero_point + 1, double, folded.low, folded.high, *tile_size(geometry)]
        scratch = emitter.scratch("int16_t")
        return Call(self.name, [x, input_zero_point(step), w, *map(str, numbers), scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        w = window_of(step)
        rows = (tile_size(w)[0] - 1) * w.stride_h + 3
        return rows * (PLANE_ROW_BYTES + (w.in_w * w.in_c if w.stride_h == 1 else 0))

    def overlap(self, step: Step, index: int) -> int | None:
        """Return how far the outputs of a strip reach above the first input row that is still to be read."""
        w = window_of(step)
        begin = np.arange(0, w.out_h, tile_size(w)[0])
        end = np.minimum(begin + tile_size(w)[0], w.out_h)
        unread = (end - 1) * w.stride_h - w.pad_top + 3  # with stride 1, all rows above have been copied
        if w.stride_h != 1:
            unread = begin * w.stride_h - w.pad_top
        reach = end * w.out_w * w.out_c - np.maximum(unread, 0) * w.in_w * w.in_c
        return int(reach[unread < w.in_h].max(initial=0))

    def cases(self) -> Iterable[Case]:
        return depthwise_cases()


def tile_size(w: Window) -> tuple[int, int]:
    """Return the output rows and columns of a tile: as even as can be, in planes of ``PLANE_COLUMNS``."""
    most = (PLANE_COLUMNS - 3) // w.stride_w + 1
    columns = -(-w.out_w // -(-w.out_w // most))
    columns = min(most, columns + columns % 2)
    fits = _LINES_BYTES // (w.in_w * w.in_c)
    rows = min(w.out_h, max(2, min(fits, max(_ROWS, -(-_OUTPUTS // columns)))))
    return -(-w.out_h // -(-w.out_h // rows)), columns


def depthwise_words(folded: Folded) -> np.ndarray | None:
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


KERNEL = DepthwiseConv2dS8Dsp()
