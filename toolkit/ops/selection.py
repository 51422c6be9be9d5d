"""What minimum and maximum share: one scale for operands and output, so that integers compare as reals do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import SUFFIXES, Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import broadcast_fields, in_place, operand_data, operand_pointer, read_operands
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.requantize import quantize_real


class SelectionOperator(Operator):
    """Takes each output from one of two operands that broadcast."""

    quantization = "share"
    one_scale = True
    moves_data = True
    layout = "axes"
    function: ClassVar[np.ufunc]

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        operands, steps = read_operands(node, reader)
        operands.sort(key=lambda value: value.data is not None)  # the scale is an activation's
        return [*steps, Step(self.name, "", operands, Value("", ()))]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return type(self).function(*operand_data(one_scale_operands(step), inputs))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        operands = one_scale_operands(step)
        pointers = [operand_pointer(v, emitter, n) for v, n in zip(operands, ("a", "b"), strict=True)]
        shape = emitter.local("tk_broadcast", "shape", f"{{{broadcast_fields(step, operands)}}}")
        kernel = f"tk_{self.name}_{SUFFIXES[step.output.dtype]}"
        return Call(kernel, [*pointers, emitter.pointer(step.output), shape], "tk_selection")

    def overlap(self, step: Step, index: int) -> int | None:
        return in_place(step, index)

    def cases(self) -> Iterable[Case]:
        for case in broadcast_cases(self.name, (0.05, 0.05, 0.05), (3, 3, 3)):
            case.step.attrs.clear()
            yield case


def one_scale_operands(step: Step) -> list[Value]:
    """Return the operands with constants as integers of the output's scale."""
    quant = step.output.quant
    if quant is None:
        return step.inputs
    return [
        value
        if value.data is None or value.dtype == "int8"
        else Value(
            value.name,
            value.shape,
            "int8",
            quant,
            np.vectorize(lambda real: quantize_real(real, quant), otypes=[np.int8])(value.data),
        )
        for value in step.inputs
    ]
