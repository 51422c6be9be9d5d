"""Ternary fully connected layer for RV32IM: two rows in one multiply, sixteen at a time."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import fully_connected_case
from toolkit.ops.pack_rv32 import finish, fits, pack_ternary_columns
from toolkit.ops.weighted import fold, is_ternary, matrix_sizes

_ROWS = 16
_MOST_WASTE = 1.25  # products made, and weights stored, for each one needed


class FullyConnectedT2Rv32(Kernel):
    """Weights packed by ``pack_ternary_columns``; the 1 that they carry is taken back through the sum of the inputs."""

    name = "tk_fully_connected_t2_rv32"
    op = "fully_connected"
    sets = ("rv32im",)

    def takes(self, step: Step) -> bool:
        channels = step.inputs[1].shape[0]
        made = -(-channels // _ROWS) * _ROWS
        return is_ternary(step) and made <= _MOST_WASTE * channels and fits(fold(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        w = emitter.constant("weight", pack_ternary_columns(folded.weight.reshape(channels, depth)))
        return Call(
            self.name,
            [x, w, finish(folded, emitter), str(int(step.rounding == "double")), y, *matrix_sizes(step)],
        )

    def cases(self) -> Iterable[Case]:
        yield fully_connected_case(2, 130, 29, "ternary", rounding="double")
        yield fully_connected_case(1, 257, 15, "ternary", extreme=True)


KERNEL = FullyConnectedT2Rv32()
