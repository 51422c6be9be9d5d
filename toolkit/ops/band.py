"""Some rows of an activation, where they lie: no code at all."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator


class Band(Operator):
    """``output = input[:, first : first + rows]``: a view into the input's memory, made by ``lower.patches``."""

    name = "band"
    code_free = True

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        first = step.attrs["first"]
        return inputs[0][:, first : first + step.output.shape[1]]

    def emit(self, step: Step, emitter: Emitter) -> list[Call]:
        return []

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            x, y = activation("x", (1, 5, 3, 4), kind), activation("y", (1, 2, 3, 4), kind)
            yield Case(case_id("rows", kind), Step("band", "band", [x], y, {"first": 2}), [sample(x, 6)])


OPERATOR = Band()
