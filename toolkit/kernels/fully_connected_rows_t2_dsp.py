"""Ternary fully connected layer with SMLAD: four channels at a time, to the outputs in one function of all layers."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_pairs import fours
from toolkit.ops.pack_ternary import pack_ternary_tiles, padded
from toolkit.ops.ternary_finish import ternary_finish
from toolkit.ops.weighted import fold, is_ternary

COLUMNS = 8  # of a block


class FullyConnectedRowsT2Dsp(Kernel):
    """Four channels by eight columns; weights packed by ``pack_ternary_tiles``."""

    name = "tk_fully_connected_rows_t2_dsp"
    op = "fully_connected"
    sets = ("armv7em",)
    rank = 2

    def takes(self, step: Step) -> bool:
        return (
            is_ternary(step)
            and step.inputs[1].shape[0] >= 4
            and ternary_finish(fours(fold(step))) is not None
        )

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fours(fold(step))
        words = ternary_finish(folded)
        assert words is not None
        matrix = padded(folded.weight.reshape(len(folded.bias), depth), 4, COLUMNS)
        w, finish = emitter.constant("weight", pack_ternary_tiles(matrix)), emitter.constant("finish", words)
        numbers = (int(folded.rounding == "double"), folded.low, folded.high)
        shape = (step.output.size // channels, depth, channels)
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, w, finish, *map(str, numbers), scratch, y, *map(str, shape)])

    def scratch_bytes(self, step: Step) -> int:
        return 2 * (-(-step.inputs[1].shape[1] // COLUMNS) * COLUMNS)


KERNEL = FullyConnectedRowsT2Dsp()
