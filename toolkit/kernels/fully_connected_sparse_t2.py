"""Ternary fully connected layer whose weights are mostly zero: only the others are stored, and added."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_columns5 import SETS
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_ternary import pack_sparse
from toolkit.ops.weighted import fold, is_ternary, matrix_sizes, packed_fields

_MOST_NONZERO = 0.5  # denser weights are smaller and faster in any other layout


class FullyConnectedSparseT2(Kernel):
    """Additions only; weights packed by ``pack_sparse``."""

    name = "tk_fully_connected_sparse_t2"
    op = "fully_connected"
    sets = SETS
    rank = -1
    dense = True
    depends_on_values = True

    def takes(self, step: Step) -> bool:
        return is_sparse(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        packed = packed_fields(fold(step), pack_sparse, emitter)
        return Call(self.name, [x, *packed, y, *matrix_sizes(step)])


def is_sparse(step: Step) -> bool:
    """True when most of a ternary step's weights are zero."""
    data = step.inputs[1].data
    return is_ternary(step) and data is not None and int(np.count_nonzero(data)) <= _MOST_NONZERO * data.size


KERNEL = FullyConnectedSparseT2()
