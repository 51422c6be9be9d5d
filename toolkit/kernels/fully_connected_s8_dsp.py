"""int8 fully connected layer with SMLAD: two output rows in one multiply."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack import fits_two_rows, pack_two_rows
from toolkit.ops.weighted import fold, is_int8, requant_fields


class FullyConnectedS8Dsp(Kernel):
    """Four rows by four columns at a time; weights packed by ``pack_two_rows``."""

    name = "tk_fully_connected_s8_dsp"
    op = "fully_connected"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return is_int8(step) and fits_two_rows(fold(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        matrix = folded.weight.reshape(channels, depth)
        w, bias = (emitter.constant(n, d) for n, d in pack_two_rows(matrix, folded.bias).items())
        shape = [str(step.output.size // channels), str(depth), str(channels)]
        return Call(self.name, [x, w, bias, requant, y, *shape])


KERNEL = FullyConnectedS8Dsp()
