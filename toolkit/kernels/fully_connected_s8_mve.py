"""int8 fully connected layer on Helium: 16 products an instruction, four channels at a time."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.kernels.tile_mve import LANES, function_name, matrix_fields, rounded_up
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.weighted import fold, is_int8


class FullyConnectedS8Mve(Kernel):
    """Weights, biases and scales in tiles of four channels, packed by ``tile_mve``."""

    name = "tk_fully_connected_s8_mve"
    op = "fully_connected"
    sets = ("helium",)
    rank = 2

    def takes(self, step: Step) -> bool:
        return is_int8(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        matrix = matrix_fields(step, folded, folded.weight.reshape(channels, depth), emitter)
        shape = [str(step.output.size // channels), str(depth)]
        scratch = [emitter.scratch(), str(rounded_up(depth, LANES))]
        return Call(self.name, [x, matrix, function_name("pixel", step), *scratch, y, *shape])

    def scratch_bytes(self, step: Step) -> int:
        depth = step.inputs[1].shape[1]
        padded = rounded_up(depth, LANES)
        return padded if padded != depth else 0


KERNEL = FullyConnectedS8Mve()
