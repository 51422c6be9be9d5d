"""Depthwise 2-d convolution of int16 activations with int8 weights, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.depthwise_conv2d import DepthwiseConv2d
from toolkit.ops.int16 import conv_call, finish_wide, fold_wide, int16_cases
from toolkit.ops.window import patches, window_of


class DepthwiseConv2dS16(DepthwiseConv2d):
    """As ``depthwise_conv2d``; 64-bit sums, rounded once, as TensorFlow Lite's 16x8 kernel."""

    name = "depthwise_conv2d_s16"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window, folded = window_of(step), fold_wide(step, channel_axis=2)
        weight = np.moveaxis(folded.weight, 0, 2).astype(np.int64)
        columns = np.repeat(patches(inputs[0], window, 0), window.out_c // window.in_c, axis=-1)
        acc = (columns.astype(np.int64) * weight).sum((2, 3)) + folded.bias
        out = finish_wide(acc, folded.multiplier, folded.shift, folded.low, folded.high)
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return conv_call(step, fold_wide(step, channel_axis=2), emitter)

    def scratch_bytes(self, step: Step) -> int:
        return 0

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = DepthwiseConv2dS16()
