"""Comparisons of float values: greater, less, equal and their opposites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import broadcast_fields, operand_data, operand_pointer, read_operands
from toolkit.ops.gradient_cases import normal

FUNCTIONS: dict[str, np.ufunc] = {
    "gt": np.greater,
    "ge": np.greater_equal,
    "lt": np.less,
    "le": np.less_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}


class Compare(Operator):
    """``output = a is greater than b``, or what else ``attrs["function"]`` says; bool, of float32 that may repeat."""

    name = "compare"
    aten: ClassVar[tuple[str, ...]] = tuple(
        f"aten.{function}.{kind}" for function in FUNCTIONS for kind in ("Scalar", "Tensor")
    )
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> list[Step]:
        operands, steps = read_operands(node, reader)
        function = str(node.target).split(".")[1]
        return [*steps, Step(self.name, "", operands, Value("", ()), {"function": function})]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        a, b = operand_data(step.inputs, inputs)
        return np.asarray(FUNCTIONS[step.attrs["function"]](a.astype(np.float32), b.astype(np.float32)))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [operand_pointer(v, emitter, n) for v, n in zip(step.inputs, ("a", "b"), strict=True)]
        shape = emitter.local("tk_broadcast", "shape", f"{{{broadcast_fields(step, step.inputs)}}}")
        kernel = f"tk_{step.attrs['function']}_f32"
        return Call(kernel, [*pointers, emitter.pointer(step.output), shape], "tk_compare_f32")

    def cases(self) -> Iterable[Case]:
        for function in FUNCTIONS:
            for a_shape, b_shape in (((1, 300), (1, 300)), ((1, 4, 5, 6), (1, 1, 1, 6)), ((2, 1), (1, 3))):
                a, b = Value("a", a_shape), Value("b", b_shape)
                y = Value("y", np.broadcast_shapes(a_shape, b_shape), "bool")
                data = [np.rint(normal(value)).astype(np.float32) for value in (a, b)]  # some of them equal
                step = Step(self.name, function, [a, b], y, {"function": function})
                yield Case(case_id(function, a_shape, b_shape), step, data)


OPERATOR = Compare()
