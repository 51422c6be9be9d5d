"""int8 fully connected layer of rows with a scale each, with SMLAD."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_s8_dsp import part_groups, rest_of_group
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.fully_connected_per_token import token_call
from toolkit.ops.pack import pack_two_rows
from toolkit.ops.weighted import is_int8


class FullyConnectedPerTokenS8Dsp(Kernel):
    """Sums as ``tk_fully_connected_s8_dsp`` makes them, and of the same weights."""

    name = "tk_fully_connected_per_token_s8_dsp"
    op = "fully_connected_per_token"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return is_int8(step) and part_groups(*_matrix(step)) > 0

    def emit(self, step: Step, emitter: Emitter) -> Call:
        matrix, bias = _matrix(step)
        packed = pack_two_rows(matrix, bias)["weight"]
        return token_call(step, emitter, self.name, packed, str(part_groups(matrix, bias)))

    def reads_behind(self, step: Step) -> int:
        return rest_of_group(step)


def _matrix(step: Step) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights, and biases of 0: theirs are added in float32."""
    data = step.inputs[1].data
    assert data is not None
    return data, np.zeros(len(data), np.int64)


KERNEL = FullyConnectedPerTokenS8Dsp()
