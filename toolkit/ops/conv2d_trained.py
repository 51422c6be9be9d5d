"""2-d convolution on int8 whose weights other steps make, channels last."""

from __future__ import annotations

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.conv2d import OPERATOR as CONV2D
from toolkit.ops.trained import Trained
from toolkit.ops.window import overlap_bytes, window_of


class Conv2dTrained(Trained):
    """As ``conv2d`` on int8; weights (O, KH, KW, I)."""

    name = "conv2d_trained"  # made by toolkit.lower.quantized
    constant = CONV2D
    layout = "channels_last"

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        arguments = self.arguments(step, emitter)
        scratch, y = emitter.scratch("int32_t"), emitter.pointer(step.output)
        return Call("tk_conv2d_trained_s8", [*arguments, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        columns = 0 if window.pointwise else 2 * window.kernel_h * window.kernel_w * window.in_c
        return 4 * window.out_c + columns

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_bytes(window_of(step), 1, 1) if index == 0 else None


OPERATOR = Conv2dTrained()
