"""Ternary fully connected layer with weights in 1.6 bits: the smallest there is, in plain C."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_columns5
from toolkit.ops.weighted import fold, is_ternary, matrix_sizes, packed_fields, shifted_bias

ENTRIES = 243  # of a table
FEWEST_CHANNELS = 8  # for which tables are worth making
SETS = ("armv7em", "armv6m", "helium", "rv32im")


class FullyConnectedColumns5(Kernel):
    """Five columns' products from one table entry; weights packed by ``pack_columns5``."""

    name = "tk_fully_connected_columns5"
    op = "fully_connected"
    sets = SETS
    rank = -1
    dense = True

    def takes(self, step: Step) -> bool:
        return is_ternary(step) and step.inputs[1].shape[0] >= FEWEST_CHANNELS

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        packed = packed_fields(folded, pack_columns5, emitter, shifted_bias(folded))
        return Call(self.name, [x, *packed, emitter.scratch("uint32_t"), y, *matrix_sizes(step)])

    def scratch_bytes(self, step: Step) -> int:
        channels, depth = step.inputs[1].shape
        return 4 * (ENTRIES + -(-depth // 5) * 5 + channels + 1)


KERNEL = FullyConnectedColumns5()
