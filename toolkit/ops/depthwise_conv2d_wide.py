"""Depthwise 2-d convolution from int8 to int16, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.depthwise_conv2d import DepthwiseConv2d
from toolkit.ops.wide import fold_wide, wide_call, wide_cases


class DepthwiseConv2dWide(DepthwiseConv2d):
    """As ``depthwise_conv2d`` on int8, with an output in int16."""

    name = "depthwise_conv2d_wide"
    half_operands = 0

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        wide = fold_wide(step, channel_axis=2)
        return wide.finish(self.sums(step, inputs[0]) + wide.start).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return wide_call(step, fold_wide(step, channel_axis=2), emitter)

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return wide_cases(super().cases(), self.name)


OPERATOR = DepthwiseConv2dWide()
