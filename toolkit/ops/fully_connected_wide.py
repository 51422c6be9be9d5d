"""Fully connected layer from int8 to int16."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import FullyConnected
from toolkit.ops.weighted import exact_matmul, matrix_sizes
from toolkit.ops.wide import fold_wide, wide_cases, wide_fields


class FullyConnectedWide(FullyConnected):
    """As ``fully_connected`` on int8, with an output in int16; portable weights are int8, ternary ones too."""

    name = "fully_connected_wide"
    aten = ()
    half_operands = 0

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        wide = fold_wide(step)
        acc = exact_matmul(inputs[0].reshape(-1, step.inputs[1].shape[1]), wide.matrix.T) + wide.start
        return wide.finish(acc).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        wide = fold_wide(step)
        weight = emitter.constant("weight", np.ascontiguousarray(wide.matrix))
        start = emitter.constant("start", wide.start.astype(np.int32))
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        fields = wide_fields(wide, emitter)
        return Call("tk_fully_connected_wide", [x, weight, start, fields, y, *matrix_sizes(step)])

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return wide_cases(super().cases(), self.name)


OPERATOR = FullyConnectedWide()
