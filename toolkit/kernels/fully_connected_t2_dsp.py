"""Ternary fully connected layer with SMLAD of any sums and scales, and of fewer than four channels."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_ternary_tiles
from toolkit.ops.weighted import fold, is_ternary, matrix_sizes, packed_fields


class FullyConnectedT2Dsp(Kernel):
    """Four rows at a time over inputs widened once; weights packed by ``pack_ternary_tiles``."""

    name = "tk_fully_connected_t2_dsp"
    op = "fully_connected"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        packed = packed_fields(fold(step), pack_ternary_tiles, emitter)
        return Call(self.name, [x, *packed, emitter.scratch("uint32_t"), y, *matrix_sizes(step)])

    def scratch_bytes(self, step: Step) -> int:
        return 16 * -(-step.inputs[1].shape[1] // 8)


KERNEL = FullyConnectedT2Dsp()
