"""2-d convolution from int8 to int16, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv2d import Conv2d
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.weighted import exact_matmul
from toolkit.ops.wide import fold_wide, wide_call, wide_cases
from toolkit.ops.window import patches, window_of


class Conv2dWide(Conv2d):
    """As ``conv2d`` on int8, with an output in int16; portable weights are int8, ternary ones too."""

    name = "conv2d_wide"
    aten = ()
    half_operands = 0

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window, wide = window_of(step), fold_wide(step)
        columns = patches(inputs[0], window, zero_point_of(step.inputs[0]))
        acc = exact_matmul(columns.reshape(window.out_h * window.out_w, -1), wide.matrix.T) + wide.start
        return wide.finish(acc).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return wide_call(step, fold_wide(step), emitter)

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 0 if window.pointwise else 2 * window.kernel_h * window.kernel_w * window.in_c

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return wide_cases(super().cases(), self.name)


OPERATOR = Conv2dWide()
