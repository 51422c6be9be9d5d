"""Ternary convolution with SMLAD: two output channels by two columns from one AND, for three pixels."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import PIXELS, overlap_of_units, row_bytes, tile_scratch_bytes
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_pairs import fours
from toolkit.ops.pack_ternary import pack_ternary_tiles
from toolkit.ops.ternary_finish import needs_splitting, ternary_finish
from toolkit.ops.weighted import fold, input_zero_point, is_ternary
from toolkit.ops.window import Window, window_of

_MOST_PADDED_BYTES = 1024  # of arena, for a fifth of a first layer's instructions


class Conv2dTileT2Dsp(Kernel):
    """Four output channels by three pixels; weights packed by ``pack_ternary_tiles``, whose rows are kernel rows."""

    name = "tk_conv2d_tile_t2_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    strips = True
    rank = 2

    def takes(self, step: Step) -> bool:
        return takes_weights(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return tile_call(step, window_of(step), emitter)

    def scratch_bytes(self, step: Step) -> int:
        return tile_scratch(step, window_of(step))

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_of_units(window_of(step), PIXELS)


def takes_weights(step: Step) -> bool:
    """True when four channels at a time compute a layer exactly."""
    return is_ternary(step) and step.inputs[1].shape[0] >= 4 and ternary_finish(fours(fold(step))) is not None


def tile_call(step: Step, geometry: Window, emitter: Emitter) -> Call:
    """Define the constants of a layer seen as a convolution with this window; return its call."""
    x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
    window = emitter.local("tk_window", "window", geometry.initialiser())
    folded = fours(fold(step))
    finish = ternary_finish(folded)
    assert finish is not None
    rows = folded.weight.reshape(len(folded.bias), geometry.kernel_h, -1)
    rows = np.pad(rows, [(0, 0), (0, 0), (0, row_bytes(geometry) - rows.shape[2])])
    w = emitter.constant("weight", pack_ternary_tiles(rows.reshape(len(rows), -1)))
    table = emitter.constant("finish", finish)
    numbers = (
        int(needs_splitting(folded)),
        int(folded.rounding == "double"),
        int(padded_bytes(step, geometry) > 0),
        folded.low,
        folded.high,
    )
    scratch = emitter.scratch("uint32_t")
    zero = input_zero_point(step)
    return Call("tk_conv2d_tile_t2_dsp", [x, zero, w, table, *map(str, numbers), scratch, y, window])


def tile_scratch(step: Step, window: Window) -> int:
    """Return the bytes of scratch that such a call takes."""
    return 4 * PIXELS + tile_scratch_bytes(window) + padded_bytes(step, window)


def padded_bytes(step: Step, w: Window) -> int:
    """Return the bytes of a small input with its padding, which is copied whole so that no window has edges; else 0."""
    height = (w.out_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
    width = (w.out_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1
    size = height * width * w.in_c
    return 0 if w.inside or step.attrs.get("strip") or size > _MOST_PADDED_BYTES else size


KERNEL = Conv2dTileT2Dsp()
