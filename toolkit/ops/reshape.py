"""A new shape for the same elements in the same order: no code at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader


class Reshape(Operator):
    """``output = input`` with another shape. The C backend gives the output its input's memory."""

    name = "reshape"
    aten = (
        "aten.view.default",
        "aten._unsafe_view.default",
        "aten.reshape.default",
        "aten.flatten.using_ints",
        "aten.unflatten.int",
        "aten.unsqueeze.default",
        "aten.squeeze.default",
        "aten.squeeze.dim",
        "aten.squeeze.dims",
    )
    quantization = "share"
    moves_data = True
    half_operands = 1
    of_halves = "picked"
    code_free = True

    def read(self, node: Any, reader: Reader) -> Step:
        return Step(self.name, "", [reader.value(node.args[0])], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return inputs[0].reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> list[Call]:
        return []

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            x = activation("x", (1, 2, 3, 4), kind)
            yield Case(
                case_id("flat", kind),
                Step("reshape", "flat", [x], activation("y", (1, 24), kind)),
                [sample(x, 6)],
            )


OPERATOR = Reshape()
