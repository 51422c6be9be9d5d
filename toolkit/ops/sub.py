"""Subtraction of two activations, or of an activation and a constant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from toolkit.lower.ir import Step, Value
from toolkit.ops.add import Add
from toolkit.ops.base import Case, Reader
from toolkit.ops.broadcast import read_operands
from toolkit.ops.broadcast_cases import broadcast_cases


class Sub(Add):
    """``output = a - b``, rounded as TensorFlow Lite's reference does; see ``Add``."""

    name = "sub"
    aten = (
        "aten.sub.Tensor",
        "aten.sub_.Tensor",
        "aten.subtract.Tensor",
        "aten.rsub.Scalar",
        "aten.rsub.Tensor",
    )
    sign = -1

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        if node.kwargs.get("alpha", 1) != 1 or (len(node.args) > 2 and node.args[2] != 1):
            raise reader.unsupported("alpha other than 1")
        operands, steps = read_operands(node, reader)
        if "rsub" in str(node.target):
            operands.reverse()
        return [*steps, Step(self.name, "", operands, Value("", ()))]

    def cases(self) -> Iterable[Case]:
        yield from broadcast_cases(self.name, (0.05, 0.013, 0.06))
        for case in broadcast_cases(self.name, (0.75, 0.5, 1.0), (0, 0, 0)):  # halves: no linear form
            if case.step.output.dtype == "int8":
                yield Case(f"{case.id}-halves", case.step, case.inputs)


OPERATOR = Sub()
