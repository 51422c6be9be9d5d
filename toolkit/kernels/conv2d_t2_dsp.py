"""Ternary convolution with SMLAD of any sums and scales, and of fewer than four channels: two pixels at a time."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_ternary_tiles
from toolkit.ops.weighted import fold, input_zero_point, is_ternary, packed_fields
from toolkit.ops.window import widened_pair_bytes, window_of


class Conv2dT2Dsp(Kernel):
    """Four output channels by two pixels; weights packed by ``pack_ternary_tiles``."""

    name = "tk_conv2d_t2_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    strips = True

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        packed = packed_fields(fold(step), pack_ternary_tiles, emitter)
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), *packed, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return widened_pair_bytes(window_of(step), 4)


KERNEL = Conv2dT2Dsp()
