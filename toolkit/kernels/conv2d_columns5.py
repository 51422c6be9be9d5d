"""Ternary convolution with weights in 1.6 bits: the smallest there is, in plain C, two pixels at a time."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_columns5 import ENTRIES, FEWEST_CHANNELS, SETS
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_columns5
from toolkit.ops.weighted import fold, input_zero_point, is_ternary, packed_fields, shifted_bias
from toolkit.ops.window import window_of


class Conv2dColumns5(Kernel):
    """Five columns' products of two pixels from one table entry; weights packed by ``pack_columns5``."""

    name = "tk_conv2d_columns5"
    op = "conv2d"
    sets = SETS
    rank = -1
    dense = True

    def takes(self, step: Step) -> bool:
        return is_ternary(step) and step.inputs[1].shape[0] >= FEWEST_CHANNELS

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold(step)
        packed = packed_fields(folded, pack_columns5, emitter, shifted_bias(folded))
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), *packed, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        padded = -(-window.kernel_h * window.kernel_w * window.in_c // 5) * 5
        return 4 * (ENTRIES + padded + 3 * (window.out_c + 1)) + window.in_c


KERNEL = Conv2dColumns5()
