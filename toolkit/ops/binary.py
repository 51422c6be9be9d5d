"""What the operators of two broadcasting operands share, besides what they compute."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import (
    broadcast_fields,
    in_place,
    integer_operands,
    operand_data,
    operand_pointer,
    read_operands,
)
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.weighted import apply_bounds, float_bounds


class BinaryOperator(Operator):
    """An operator of two activations, or of an activation and a constant on either side."""

    quantization = "io"
    layout = "axes"  # operands have axes; lower.permutes turns them together
    fuses_activation = True
    float_kernel: ClassVar[str]
    float_function: ClassVar[np.ufunc]

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        operands, steps = read_operands(node, reader)
        return [*steps, Step(self.name, "", operands, Value("", ()))]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        operands = integer_operands(step)
        a, b = operand_data(operands, inputs)
        if step.output.quant is not None:
            return self.integers(step, operands, a, b)
        with np.errstate(all="ignore"):
            out = type(self).float_function(a.astype(np.float32), b.astype(np.float32))
        return apply_bounds(out, step)

    def integers(self, step: Step, operands: list[Value], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Return the int8 output of int8 operands."""
        raise NotImplementedError

    def emit(self, step: Step, emitter: Emitter) -> Call:
        operands = integer_operands(step)
        a, b = (operand_pointer(v, emitter, n) for v, n in zip(operands, ("a", "b"), strict=True))
        shape = emitter.local("tk_broadcast", "shape", f"{{{broadcast_fields(step, operands)}}}")
        if step.output.quant is not None:
            return self.integer_call(step, operands, (a, b), shape, emitter)
        bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
        return Call(self.float_kernel, [a, b, *bounds, emitter.pointer(step.output), shape], "tk_binary_f32")

    def integer_call(
        self, step: Step, operands: list[Value], pointers: tuple[str, str], shape: str, emitter: Emitter
    ) -> Call:
        """Return the call of the int8 kernel; ``shape`` is the address of its ``tk_broadcast``."""
        raise NotImplementedError

    def overlap(self, step: Step, index: int) -> int | None:
        return in_place(step, index)

    def cases(self) -> Iterable[Case]:
        return broadcast_cases(self.name, (0.05, 0.013, 0.06))
