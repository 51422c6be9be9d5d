"""Multiplication of two activations, or of an activation and a constant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.binary import BinaryOperator
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.requantize import output_bounds, quantize_multiplier, requantize

SATURATING = 2.0**10  # from here on every product but 0 ends at a bound


class Mul(BinaryOperator):
    """``output = a * b``. int8: the product of the integers without their zero points, requantized."""

    name = "mul"
    aten = ("aten.mul.Tensor", "aten.mul_.Tensor", "aten.mul.Scalar", "aten.multiply.Tensor")
    float_kernel = "tk_mul_f32"
    float_function = np.multiply

    def integers(self, step: Step, operands: list[Value], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        x, y = (data.astype(np.int64) - zero_point_of(v) for data, v in zip((a, b), operands, strict=True))
        out = requantize(x * y, *_multiplier(step, operands), step.rounding) + zero_point_of(step.output)
        return np.clip(out, *output_bounds(step.output, step.attrs.get("activation"))).astype(np.int8)

    def integer_call(
        self, step: Step, operands: list[Value], pointers: tuple[str, str], shape: str, emitter: Emitter
    ) -> Call:
        requant = _requant(step, operands, emitter)
        args = [arg for p, v in zip(pointers, operands, strict=True) for arg in (p, str(zero_point_of(v)))]
        return Call("tk_mul_s8", [*args, requant, emitter.pointer(step.output), shape])

    def cases(self) -> Iterable[Case]:
        for case in broadcast_cases(self.name, (0.05, 0.013, 0.04)):
            yield case
            if case.id.startswith("two-2x257") and case.step.output.dtype == "int8":
                yield Case(f"{case.id}-double", replace(case.step, rounding="double"), case.inputs)


def _multiplier(step: Step, operands: list[Value]) -> tuple[int, int]:
    a, b, y = (
        np.float32(scale_of(value)) for value in (*operands, step.output)
    )  # as TensorFlow Lite divides them
    return quantize_multiplier(min(float(a * b / y), SATURATING))


def _requant(step: Step, operands: list[Value], emitter: Emitter) -> str:
    multiplier, shift = _multiplier(step, operands)
    names = [
        emitter.constant("multiplier", np.array([multiplier], np.int32)),
        emitter.constant("shift", np.array([shift], np.uint8)),
    ]
    low, high = output_bounds(step.output, step.attrs.get("activation"))
    rest = (0, zero_point_of(step.output), low, high, int(step.rounding == "double"))
    return emitter.local("tk_requant_s8", "requant", f"{{{', '.join([*names, *map(str, rest)])}}}")


OPERATOR = Mul()
