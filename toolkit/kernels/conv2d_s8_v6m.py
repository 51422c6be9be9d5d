"""int8 convolution for Armv6-M: two pixels in one multiply, two rows at a time."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_v6m import finish, fits, pack_row_pairs
from toolkit.ops.weighted import fold, input_zero_point, is_int8
from toolkit.ops.window import window_of


class Conv2dS8V6m(Kernel):
    """Two output channels by two pixels by two columns; weights packed by ``pack_row_pairs``."""

    name = "tk_conv2d_s8_v6m"
    op = "conv2d"
    sets = ("armv6m",)
    strips = True

    def takes(self, step: Step) -> bool:
        return is_int8(step) and fits(fold(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold(step)
        w = emitter.constant("weight", pack_row_pairs(folded.weight.reshape(folded.weight.shape[0], -1)))
        fields = finish(folded, folded.bias, emitter)
        twice, scratch = str(int(step.rounding == "double")), emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), w, fields, twice, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        padded = -(-window.kernel_h * window.kernel_w * window.in_c // 2) * 2
        return 6 * padded + (2 * padded if window.in_c % 2 else window.in_c) + window.out_c


KERNEL = Conv2dS8V6m()
