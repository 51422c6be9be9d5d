"""Bands of rows joined to one activation, in whose memory they were made: no code at all."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator


class Join(Operator):
    """``output = concatenate(inputs, axis 1)``, each input a view into the output's memory; see ``lower.patches``."""

    name = "join"
    code_free = True

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return np.concatenate(inputs, 1)

    def emit(self, step: Step, emitter: Emitter) -> list[Call]:
        return []

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            parts = [activation(f"x{rows}", (1, rows, 3, 4), kind) for rows in (2, 3)]
            step = Step("join", "join", list(parts), activation("y", (1, 5, 3, 4), kind))
            yield Case(case_id("rows", kind), step, [sample(part, i) for i, part in enumerate(parts)])


OPERATOR = Join()
