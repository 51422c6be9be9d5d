"""int8 convolution with SMLAD for what ``tk_conv2d_s8_dsp`` cannot take: very long sums, multipliers above 1/4."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import PIXELS, overlap_of_units, row_bytes, tile_scratch_bytes
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.pair_cases import plain_cases
from toolkit.ops.weighted import fold, input_zero_point, is_int8, requant_fields
from toolkit.ops.window import window_of


class Conv2dPlainS8Dsp(Kernel):
    """One output channel by three pixels; weights as they are, kernel rows rounded up to whole words."""

    name = "tk_conv2d_plain_s8_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    strips = True

    def takes(self, step: Step) -> bool:
        return is_int8(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry = window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        folded = fold(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        rows = folded.weight.reshape(geometry.out_c, geometry.kernel_h, -1)
        padded = np.pad(rows, [(0, 0), (0, 0), (0, row_bytes(geometry) - rows.shape[2])])
        w = emitter.constant("weight", padded.astype(np.int8))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), w, bias, requant, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return tile_scratch_bytes(window_of(step))

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_of_units(window_of(step), PIXELS)

    def cases(self) -> Iterable[Case]:
        return plain_cases()


KERNEL = Conv2dPlainS8Dsp()
