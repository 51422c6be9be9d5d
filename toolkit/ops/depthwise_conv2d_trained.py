"""Depthwise 2-d convolution on int8 whose weights other steps make, channels last."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.depthwise_conv2d import OPERATOR as DEPTHWISE
from toolkit.ops.trained import Trained
from toolkit.ops.window import overlap_bytes, window_of


class DepthwiseConv2dTrained(Trained):
    """As ``depthwise_conv2d`` on int8; weights (C * multiplier, KH, KW, 1)."""

    name = "depthwise_conv2d_trained"  # made by toolkit.lower.quantized
    constant = DEPTHWISE
    channel_axis = 2
    layout = "channels_last"

    def constant_weight(self, weight: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(weight[..., 0].transpose(1, 2, 0))

    def trained_weight(self, weight: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(weight.transpose(2, 0, 1)[..., None])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        arguments = self.arguments(step, emitter)
        scratch, y = emitter.scratch("int32_t"), emitter.pointer(step.output)
        return Call("tk_depthwise_conv2d_trained_s8", [*arguments, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        taps = window.kernel_h * window.kernel_w
        return 4 * window.out_c + taps * (window.out_c + (0 if window.inside else window.in_c))

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_bytes(window_of(step), 1, 1) if index == 0 else None


OPERATOR = DepthwiseConv2dTrained()
