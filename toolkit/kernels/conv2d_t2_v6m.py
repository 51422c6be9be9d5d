"""Ternary convolution for Armv6-M: four columns' products of two pixels from one table entry."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_t2_v6m import FEWEST_CHANNELS, TABLES_BYTES
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_ternary_v6m
from toolkit.ops.pack_v6m import finish, fits, scale_bits
from toolkit.ops.weighted import fold, input_zero_point, is_ternary, shifted_bias
from toolkit.ops.window import window_of


class Conv2dT2V6m(Kernel):
    """Weights packed by ``pack_ternary_v6m``; the 128 that inputs carry is folded into the bias."""

    name = "tk_conv2d_t2_v6m"
    op = "conv2d"
    sets = ("armv6m",)
    strips = True

    def takes(self, step: Step) -> bool:
        if not is_ternary(step) or step.inputs[1].shape[0] < FEWEST_CHANNELS:
            return False
        folded = fold(step)
        return fits(folded, shifted_bias(folded), scale_bits(folded))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold(step)
        w = emitter.constant("weight", pack_ternary_v6m(folded.weight.reshape(folded.weight.shape[0], -1)))
        fields = finish(folded, shifted_bias(folded), emitter, scale_bits(folded))
        twice, scratch = str(int(step.rounding == "double")), emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), w, fields, twice, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        padded = -(-window.kernel_h * window.kernel_w * window.in_c // 4) * 4
        lines = (window.out_c + 2) // 2 * 2
        return TABLES_BYTES + 4 * padded + 12 * lines + window.in_c + window.out_c


KERNEL = Conv2dT2V6m()
