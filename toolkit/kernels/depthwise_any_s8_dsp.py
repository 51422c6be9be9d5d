"""int8 depthwise convolution of any kernel size, stride and multiplier with SMLAD, on planes as the 3x3 one."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.depthwise_tiles import (
    PLANE_COLUMNS,
    strip_overlap_bytes,
    strip_scratch_bytes,
    tap_pairs,
    tile_size,
)
from toolkit.ops.pair_cases import depthwise_any_cases
from toolkit.ops.weighted import fold_depthwise, input_zero_point, requant_fields
from toolkit.ops.window import window_of


class DepthwiseAnyS8Dsp(Kernel):
    """Two outputs at a time, two taps of a kernel row in one multiply."""

    name = "tk_depthwise_any_s8_dsp"
    op = "depthwise_conv2d"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        if step.inputs[1].dtype != "int8" or step.inputs[1].quant is None:
            return False
        w = window_of(step)
        return w.in_c >= 4 and w.kernel_w < PLANE_COLUMNS and 1 in (w.kernel_w, w.dilation_w)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry = window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        folded = fold_depthwise(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        taps = emitter.constant("weight", tap_pairs(folded))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        tile_h, tile_w = tile_size(geometry)
        fields = f"{{0, 0, 0, {taps}, {bias}, -128, 127, {tile_h}, {tile_w}}}"
        layer = emitter.local("tk_depthwise_layer", "layer", fields)
        scratch = emitter.scratch("int16_t")
        return Call(self.name, [x, input_zero_point(step), layer, requant, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return strip_scratch_bytes(window_of(step))

    def overlap(self, step: Step, index: int) -> int | None:
        return strip_overlap_bytes(window_of(step))

    def cases(self) -> Iterable[Case]:
        return depthwise_any_cases()


KERNEL = DepthwiseAnyS8Dsp()
