"""int8 convolution with SMLAD: two output rows in one multiply, two pixels at a time."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack import fits_two_rows, pack_two_rows
from toolkit.ops.weighted import fold, input_zero_point, is_int8, requant_fields
from toolkit.ops.window import widened_pair_bytes, window_of


class Conv2dS8Dsp(Kernel):
    """Four output channels by two pixels; weights packed by ``pack_two_rows``."""

    name = "tk_conv2d_s8_dsp"
    op = "conv2d"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return is_int8(step) and fits_two_rows(fold(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        matrix = folded.weight.reshape(folded.weight.shape[0], -1)
        w, bias = (emitter.constant(n, d) for n, d in pack_two_rows(matrix, folded.bias).items())
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), w, bias, requant, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return widened_pair_bytes(window_of(step), 4)


KERNEL = Conv2dS8Dsp()
