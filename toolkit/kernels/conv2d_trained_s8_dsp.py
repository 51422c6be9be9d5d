"""int8 convolution with SMLAD whose weights other steps make."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import PIXELS, overlap_of_units, row_bytes, tile_scratch_bytes
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.conv2d_trained import OPERATOR
from toolkit.ops.window import window_of


class Conv2dTrainedS8Dsp(Kernel):
    """One output channel by three pixels, where each kernel row is a number of whole words."""

    name = "tk_conv2d_trained_s8_dsp"
    op = "conv2d_trained"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        window = window_of(step)
        return row_bytes(window) == window.kernel_w * window.in_c

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        arguments = OPERATOR.arguments(step, emitter)
        scratch, y = emitter.scratch("int32_t"), emitter.pointer(step.output)
        return Call(self.name, [*arguments, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 4 * window.out_c + tile_scratch_bytes(window)

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_of_units(window_of(step), PIXELS) if index == 0 else None


KERNEL = Conv2dTrainedS8Dsp()
