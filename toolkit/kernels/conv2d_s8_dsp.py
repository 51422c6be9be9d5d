"""int8 convolution with SMLAD: two output channels in one multiply, three pixels at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.pack_pairs import pair_finish, pair_weights
from toolkit.ops.pair_cases import pair_cases
from toolkit.ops.weighted import fold, input_zero_point, is_int8
from toolkit.ops.window import Window, window_of

PIXELS = 3  # of a tile


class Conv2dS8Dsp(Kernel):
    """Pairs of output channels by three pixels; constants packed by ``toolkit.ops.pack_pairs``."""

    name = "tk_conv2d_s8_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    strips = True
    rank = 2

    def takes(self, step: Step) -> bool:
        return is_int8(step) and pair_finish(fold(step)) is not None

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry = window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        folded = fold(step)
        finish = pair_finish(folded)
        assert finish is not None
        matrix = folded.weight.reshape(geometry.out_c, geometry.kernel_h, -1)
        weight = pair_weights(replace(folded, weight=matrix), row_bytes(geometry))
        w = emitter.constant("weight", weight)
        table = emitter.constant("finish", finish)
        double = str(int(folded.rounding == "double"))
        bounds = [str(folded.low), str(folded.high)]
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), w, table, double, *bounds, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return tile_scratch_bytes(window_of(step))

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_of_units(window_of(step), PIXELS)

    def cases(self) -> Iterable[Case]:
        return pair_cases()


def row_bytes(window: Window) -> int:
    """Return the bytes of one kernel row, rounded up to whole words."""
    return -(-window.kernel_w * window.in_c // 4) * 4


def tile_scratch_bytes(window: Window) -> int:
    """Return the bytes of a tile's widened pixels, and of three rows of bytes unless pixels are read in place."""
    row = row_bytes(window)
    direct = window.pointwise and window.in_c % 4 == 0
    return PIXELS * (2 * window.kernel_h * row + (0 if direct else row))


def overlap_of_units(w: Window, unit: int) -> int:
    """As ``window.overlap_bytes`` where all of a unit's pixels are read before any of them is written."""
    y, x = np.divmod(np.arange(w.out_h * w.out_w), w.out_w)
    top = np.clip(y * w.stride_h - w.pad_top, 0, w.in_h - 1)
    left = np.clip(x * w.stride_w - w.pad_left, 0, w.in_w - 1)
    first = (top * w.in_w + left) * w.in_c
    still_needed = np.minimum.accumulate(first[::-1])[::-1]  # by this pixel or a later one
    later = np.arange(unit, len(first), unit)  # where every unit but the first begins
    return int((later * w.out_c - still_needed[later]).max(initial=0))


KERNEL = Conv2dS8Dsp()
