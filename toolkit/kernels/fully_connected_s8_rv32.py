"""int8 fully connected layer for RV32IM: four rows in three multiplies, sixteen at a time."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_rv32 import finish, fits, pack_words
from toolkit.ops.weighted import Folded, fold, is_int8, matrix_sizes

_ROWS = 16
_MOST_WASTE = 1.25  # products made for each one needed; more, and portable C is faster
_MOST_WEIGHT = (
    2**23 - 1
) // 128  # what a row's absolute weights may add up to where four sums share three words


class FullyConnectedS8Rv32(Kernel):
    """Weights packed by ``pack_words``; the 128 that they carry is taken back through the sum of the inputs."""

    name = "tk_fully_connected_s8_rv32"
    op = "fully_connected"
    sets = ("rv32im",)

    def takes(self, step: Step) -> bool:
        if not is_int8(step):
            return False
        channels = step.inputs[1].shape[0]
        folded = fold(step)
        made = -(-channels // _ROWS) * _ROWS
        return made <= _MOST_WASTE * channels and fits(folded) and _most_weight(folded) <= _MOST_WEIGHT

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = fold(step)
        w = emitter.constant("weight", pack_words(folded.weight.reshape(channels, depth)))
        inner = f"tk_sixteen_rows_{'twice' if step.rounding == 'double' else 'once'}_rv32"
        return Call(self.name, [x, w, finish(folded, emitter), inner, y, *matrix_sizes(step)])


def _most_weight(folded: Folded) -> int:
    weight = folded.weight.reshape(len(folded.bias), -1).astype(np.int64)
    return int(np.abs(weight).sum(1).max(initial=0))


KERNEL = FullyConnectedS8Rv32()
