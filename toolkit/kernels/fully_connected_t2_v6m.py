"""Ternary fully connected layer for Armv6-M: four columns' products from one table entry."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_ternary_v6m
from toolkit.ops.pack_v6m import finish, fits, scale_bits
from toolkit.ops.weighted import fold, is_ternary, matrix_sizes, shifted_bias

TABLES_BYTES = 4 * 81 * 4
FEWEST_CHANNELS = 16  # that are worth making tables for


class FullyConnectedT2V6m(Kernel):
    """Weights packed by ``pack_ternary_v6m``; the 128 that inputs carry is folded into the bias."""

    name = "tk_fully_connected_t2_v6m"
    op = "fully_connected"
    sets = ("armv6m",)

    def takes(self, step: Step) -> bool:
        if not is_ternary(step) or step.inputs[1].shape[0] < FEWEST_CHANNELS:
            return False
        folded = fold(step)
        return fits(folded, shifted_bias(folded), scale_bits(folded))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        w = emitter.constant("weight", pack_ternary_v6m(folded.weight.reshape(channels, depth)))
        fields = finish(folded, shifted_bias(folded), emitter, scale_bits(folded))
        twice = str(int(step.rounding == "double"))
        return Call(self.name, [x, w, fields, twice, emitter.scratch("uint32_t"), y, *matrix_sizes(step)])

    def scratch_bytes(self, step: Step) -> int:
        channels, depth = step.inputs[1].shape
        return TABLES_BYTES + 4 * (-(-depth // 4) * 4) + 4 * ((channels + 2) // 2 * 2)


KERNEL = FullyConnectedT2V6m()
