"""Conditions joined: and, or, exclusive or, not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import broadcast_fields, in_place, operand_data, operand_pointer, raised
from toolkit.ops.gradient_cases import normal
from toolkit.ops.reading import node_shape

FUNCTIONS: dict[str, np.ufunc] = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor}


class Logical(Operator):
    """``output = a and b``, or what else ``attrs["function"]`` says; bools that may repeat. Not is "xor" with true."""

    name = "logical"
    aten: ClassVar[tuple[str, ...]] = (
        *(f"aten.logical_{function}.default" for function in FUNCTIONS),
        *(f"aten.bitwise_{function}.Tensor" for function in FUNCTIONS),
        "aten.logical_not.default",
        "aten.bitwise_not.default",
    )
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> list[Step]:
        function = str(node.target).split(".")[1].split("_")[1]
        operands = [reader.value(arg) for arg in node.args]
        if function == "not":
            function = "xor"
            operands.append(Value("true", (), "bool", data=np.array(True)))
        if any(value.dtype != "bool" for value in operands):
            raise reader.unsupported("of numbers")
        steps: list[Step] = []
        inputs = [raised(value, len(node_shape(node)), steps) for value in operands]
        return [*steps, Step(self.name, "", inputs, Value("", ()), {"function": function})]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        a, b = operand_data(step.inputs, inputs)
        return np.asarray(FUNCTIONS[step.attrs["function"]](a, b))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [operand_pointer(v, emitter, n) for v, n in zip(step.inputs, ("a", "b"), strict=True)]
        shape = emitter.local("tk_broadcast", "shape", f"{{{broadcast_fields(step, step.inputs)}}}")
        kernel = f"tk_logical_{step.attrs['function']}"
        return Call(kernel, [*pointers, emitter.pointer(step.output), shape], "tk_logical")

    def overlap(self, step: Step, index: int) -> int | None:
        return in_place(step, index)

    def cases(self) -> Iterable[Case]:
        for function in FUNCTIONS:
            for a_shape, b_shape in (((1, 300), (1, 300)), ((1, 4, 5, 6), (1, 1, 1, 6)), ((2, 1), (1, 3))):
                a, b = Value("a", a_shape, "bool"), Value("b", b_shape, "bool")
                y = Value("y", np.broadcast_shapes(a_shape, b_shape), "bool")
                step = Step(self.name, function, [a, b], y, {"function": function})
                yield Case(case_id(function, a_shape, b_shape), step, [normal(a) > 0, normal(b) > 0])


OPERATOR = Logical()
