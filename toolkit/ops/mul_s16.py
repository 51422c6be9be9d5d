"""Multiplication of int16 activations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.binary import BinaryOperator
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import int16_cases
from toolkit.ops.relu_s16 import scale_s16
from toolkit.ops.requantize import output_bounds, quantize_multiplier, requantize


class MulS16(BinaryOperator):
    """``output = a * b``: the product of the integers, requantized."""

    name = "mul_s16"

    def integers(self, step: Step, operands: list[Value], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        product = a.astype(np.int64) * b.astype(np.int64)
        out = requantize(product, *_multiplier(step, operands), step.rounding)
        return np.clip(out, *output_bounds(step.output, step.attrs.get("activation"))).astype(np.int16)

    def integer_call(
        self, step: Step, operands: list[Value], pointers: tuple[str, str], shape: str, emitter: Emitter
    ) -> Call:
        scale = scale_s16(step, _multiplier(step, operands), emitter)
        return Call("tk_mul_s16", [*pointers, scale, emitter.pointer(step.output), shape])

    def cases(self) -> Iterable[Case]:
        for case in int16_cases(broadcast_cases(self.name, (0.05, 0.013, 0.04)), self.name):
            yield case
            if case.id.startswith("two-2x257"):
                yield Case(f"{case.id}-double", replace(case.step, rounding="double"), case.inputs)


def _multiplier(step: Step, operands: list[Value]) -> tuple[int, int]:
    a, b, y = (
        np.float32(scale_of(value)) for value in (*operands, step.output)
    )  # as TensorFlow Lite divides them
    real = float(a * b / y)
    if real >= 1:
        raise ToolkitError(
            "a product's scale is far finer than its inputs'", at=step.name, fix="calibrate again"
        )
    return quantize_multiplier(real)


OPERATOR = MulS16()
