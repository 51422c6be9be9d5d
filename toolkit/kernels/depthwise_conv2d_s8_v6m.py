"""int8 3 x 3 depthwise convolution for Armv6-M: a channel's nine taps without a loop."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_v6m import finish, fits
from toolkit.ops.weighted import fold_depthwise, input_zero_point
from toolkit.ops.window import window_of


class DepthwiseConv2dS8V6m(Kernel):
    """One pixel and channel at a time; weights as the portable kernel has them."""

    name = "tk_depthwise_conv2d_s8_v6m"
    op = "depthwise_conv2d"
    sets = ("armv6m",)

    def takes(self, step: Step) -> bool:
        if step.inputs[1].quant is None:
            return False
        w = window_of(step)
        plain = (w.kernel_h, w.kernel_w, w.dilation_h, w.dilation_w) == (3, 3, 1, 1) and w.in_c == w.out_c
        return plain and fits(fold_depthwise(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold_depthwise(step)
        w = emitter.constant("weight", np.ascontiguousarray(np.moveaxis(folded.weight, 0, 2)))
        fields = finish(folded, folded.bias, emitter)
        twice, scratch = str(int(step.rounding == "double")), emitter.scratch()
        return Call(self.name, [x, input_zero_point(step), w, fields, twice, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return 9 * step.inputs[0].shape[-1]


KERNEL = DepthwiseConv2dS8V6m()
