"""Fully connected layer from int8 to int16."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import FullyConnected
from toolkit.ops.weighted import Folded, matrix_sizes, requant_fields
from toolkit.ops.wide import fold_wide, wide_cases


class FullyConnectedWide(FullyConnected):
    """As ``fully_connected`` on int8, with an output in int16; portable weights are int8, ternary ones too."""

    name = "fully_connected_wide"
    aten = ()
    half_operands = 0

    def folded(self, step: Step) -> Folded:
        return fold_wide(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        folded = self.folded(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        weight = emitter.constant("weight", np.ascontiguousarray(folded.weight))
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_fully_connected_wide", [x, weight, bias, requant, y, *matrix_sizes(step)])

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return wide_cases(super().cases(), self.name)


OPERATOR = FullyConnectedWide()
