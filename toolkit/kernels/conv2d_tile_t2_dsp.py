"""Ternary convolution with SMLAD: two output channels by two columns from one AND, for three pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import PIXELS, overlap_of_units, row_bytes, tile_scratch_bytes
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.pack_pairs import fours
from toolkit.ops.pack_ternary import pack_ternary_tiles
from toolkit.ops.ternary_cases import conv_cases
from toolkit.ops.ternary_finish import needs_splitting, ternary_finish
from toolkit.ops.weighted import fold, input_zero_point, is_ternary
from toolkit.ops.window import window_of


class Conv2dTileT2Dsp(Kernel):
    """Four output channels by three pixels; weights packed by ``pack_ternary_tiles``, whose rows are kernel rows."""

    name = "tk_conv2d_tile_t2_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    rank = 2

    def takes(self, step: Step) -> bool:
        return (
            is_ternary(step)
            and step.inputs[1].shape[0] >= 4
            and ternary_finish(fours(fold(step))) is not None
        )

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry = window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        folded = fours(fold(step))
        finish = ternary_finish(folded)
        assert finish is not None
        rows = folded.weight.reshape(len(folded.bias), geometry.kernel_h, -1)
        rows = np.pad(rows, [(0, 0), (0, 0), (0, row_bytes(geometry) - rows.shape[2])])
        w = emitter.constant("weight", pack_ternary_tiles(rows.reshape(len(rows), -1)))
        table = emitter.constant("finish", finish)
        numbers = (int(needs_splitting(folded)), int(folded.rounding == "double"), folded.low, folded.high)
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), w, table, *map(str, numbers), scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return 4 * PIXELS + tile_scratch_bytes(window_of(step))

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_of_units(window_of(step), PIXELS)

    def cases(self) -> Iterable[Case]:
        return conv_cases()


KERNEL = Conv2dTileT2Dsp()
