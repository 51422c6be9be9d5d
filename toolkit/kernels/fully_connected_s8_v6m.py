"""int8 fully connected layer for Armv6-M: four channels at a time, three instructions a product."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_v6m import finish, fits, pack_four_rows
from toolkit.ops.weighted import fold, is_int8, matrix_sizes, shifted_bias


class FullyConnectedS8V6m(Kernel):
    """Weights packed by ``pack_four_rows``; the 128 that inputs carry is folded into the bias."""

    name = "tk_fully_connected_s8_v6m"
    op = "fully_connected"
    sets = ("armv6m",)

    def takes(self, step: Step) -> bool:
        if not is_int8(step):
            return False
        folded = fold(step)
        return fits(folded, shifted_bias(folded))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        w = emitter.constant("weight", pack_four_rows(folded.weight.reshape(channels, depth)))
        fields = finish(folded, shifted_bias(folded), emitter)
        twice = str(int(step.rounding == "double"))
        return Call(self.name, [x, w, fields, twice, emitter.scratch("uint8_t"), y, *matrix_sizes(step)])

    def scratch_bytes(self, step: Step) -> int:
        return step.inputs[1].shape[1]


KERNEL = FullyConnectedS8V6m()
