"""A step down a gradient that is a product of two matrices: that by the weight of a linear layer."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.batch_matmul import matmul_fields, matmul_operands, matmul_step, product_f32
from toolkit.ops.half import bytes_of_output, halved, suffix, widened
from toolkit.ops.stepped import WEIGHT, stepped, stepping


class MatmulStep(Operator):
    """``output = weight - rate * product``, float32; inputs are both factors, weight and rate.

    Attributes as of ``batch_matmul``. See ``lower.descend``.
    """

    name = "matmul_step"
    half_operands = 2

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return stepped(product_f32(*map(widened, matmul_operands(step, inputs))), step, inputs)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        shape = emitter.local("tk_matmul", "shape", f"{{{matmul_fields(step)}}}")
        pointers = [emitter.pointer(value) for value in (*step.inputs, step.output)]
        arguments = [*pointers, shape, *bytes_of_output(step)]
        return Call(f"tk_matmul_step_{suffix(step)}", arguments, "tk_matmul_step_f32")

    def macs(self, step: Step) -> int:
        return step.output.size * int(step.attrs["depth"])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == WEIGHT else None

    def cases(self) -> Iterable[Case]:
        rng = np.random.default_rng(0)
        for rows, depth, columns in [(5, 1, 7), (3, 4, 9), (1, 1, 1), (12, 1, 64)]:
            a, b = Value("a", (rows, depth)), Value("b", (depth, columns))
            step = matmul_step(self.name, a, b)
            step.name, step.output = "step", Value("y", (rows, columns))
            data = [rng.normal(size=value.shape).astype(np.float32) for value in (a, b)]
            case = stepping(Case(f"{rows}x{depth}x{columns}", step, data))
            yield case
            yield halved(case, 2, output=False)
            yield halved(case, 2, more=(WEIGHT,))


OPERATOR = MatmulStep()
