"""2-d convolution from int8 to int16, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv2d import Conv2d
from toolkit.ops.weighted import Folded, input_zero_point, requant_fields
from toolkit.ops.wide import fold_wide, wide_cases
from toolkit.ops.window import window_of


class Conv2dWide(Conv2d):
    """As ``conv2d`` on int8, with an output in int16; portable weights are int8, ternary ones too."""

    name = "conv2d_wide"
    aten = ()
    half_operands = 0

    def folded(self, step: Step) -> Folded:
        return fold_wide(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        folded = self.folded(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        weight = emitter.constant("weight", np.ascontiguousarray(folded.weight))
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        zero = input_zero_point(step)
        return Call("tk_conv2d_wide", [x, zero, weight, bias, requant, emitter.scratch(), y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 0 if window.pointwise else 2 * window.kernel_h * window.kernel_w * window.in_c

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return wide_cases(super().cases(), self.name)


OPERATOR = Conv2dWide()
