"""2-d convolution of int16 activations with int8 weights, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv2d import Conv2d
from toolkit.ops.int16 import conv_call, finish_wide, fold_wide, int16_cases
from toolkit.ops.weighted import exact_matmul
from toolkit.ops.window import patches, window_of


class Conv2dS16(Conv2d):
    """As ``conv2d``; 64-bit sums, rounded once, as TensorFlow Lite's 16x8 kernel."""

    name = "conv2d_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window, folded = window_of(step), fold_wide(step)
        columns = patches(inputs[0], window, 0).reshape(window.out_h * window.out_w, -1)
        acc = exact_matmul(columns, folded.weight.reshape(window.out_c, -1).T) + folded.bias
        out = finish_wide(acc, folded.multiplier, folded.shift, folded.low, folded.high)
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return conv_call(step, fold_wide(step), emitter)

    def scratch_bytes(self, step: Step) -> int:
        return 0

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = Conv2dS16()
