"""A choice between two float values by a condition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import (
    broadcast_fields,
    in_place,
    operand_data,
    operand_pointer,
    raised,
)
from toolkit.ops.gradient_cases import normal
from toolkit.ops.reading import node_shape


class Where(Operator):
    """``output = a where condition, else b``; the condition is bool and of the output's shape, a and b may repeat."""

    name = "where"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.where.self",
        "aten.where.ScalarOther",
        "aten.where.ScalarSelf",
        "aten.where.Scalar",
    )
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> list[Step]:
        shape, args = node_shape(node), node.args
        if not str(node.target).startswith("aten.where"):
            args = (args[0], 1.0, 0.0)  # bool as float32
        condition, *rest = (reader.value(arg) for arg in args)
        if condition.dtype != "bool" or str(node.meta["val"].dtype) != "torch.float32":
            raise reader.unsupported(f"{condition.dtype} to {node.meta['val'].dtype}")
        steps: list[Step] = []
        operands = [raised(value, len(shape), steps) for value in (condition, *map(_real, rest))]
        if operands[0].shape != shape and operands[0].data is not None:
            whole = np.ascontiguousarray(np.broadcast_to(operands[0].data, shape))
            operands[0] = replace(operands[0], shape=shape, data=whole)
        elif operands[0].shape != shape:
            times = tuple(size // own for size, own in zip(shape, operands[0].shape, strict=True))
            repeated = Value(f"{condition.name}_repeated", shape, "bool")
            steps.append(Step("expand", "", [operands[0]], repeated, {"times": times}))
            operands[0] = repeated
        return [*steps, Step(self.name, "", operands, Value("", ()))]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        condition, a, b = operand_data(step.inputs, inputs)
        out = np.where(condition != 0, a.astype(np.float32), b.astype(np.float32))
        return np.broadcast_to(out, step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        names = ("condition", "a", "b")
        pointers = [operand_pointer(v, emitter, n) for v, n in zip(step.inputs, names, strict=True)]
        shape = emitter.local("tk_broadcast", "shape", f"{{{broadcast_fields(step, step.inputs[1:])}}}")
        return Call("tk_where_f32", [*pointers, emitter.pointer(step.output), shape])

    def overlap(self, step: Step, index: int) -> int | None:
        return in_place(step, index) if index > 0 else None

    def cases(self) -> Iterable[Case]:
        for a_shape, b_shape in (((1, 300), (1, 300)), ((1, 4, 5, 6), (1, 1, 1, 6)), ((2, 1), (1, 3))):
            a, b = Value("a", a_shape), Value("b", b_shape)
            y = Value("y", np.broadcast_shapes(a_shape, b_shape))
            condition = Value("condition", y.shape, "bool")
            step = Step(self.name, "where", [condition, a, b], y)
            yield Case(case_id(a_shape, b_shape), step, [normal(condition) > 0, normal(a), normal(b)])


def _real(value: Value) -> Value:
    """Return a value with a constant's whole numbers as real ones, as torch has it."""
    return (
        value if value.data is None else replace(value, dtype="float32", data=value.data.astype(np.float32))
    )


OPERATOR = Where()
