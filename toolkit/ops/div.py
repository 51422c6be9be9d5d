"""Division of two activations, or of an activation and a constant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation
from toolkit.ops.base import Call, Case, Emitter, Reader
from toolkit.ops.binary import BinaryOperator
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.exponential import reciprocal_q31
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.mul import OPERATOR as MUL
from toolkit.ops.requantize import output_bounds, quantize_multiplier

LARGEST_SHIFT = 31  # of the quotient: nothing is left of it beyond
LARGEST_RATIO = 2.0**17  # of the quotients' scale to the output's: from here on all but 0 end at a bound


class Div(BinaryOperator):
    """``output = a / b``. int8 rounds as TensorFlow Lite's reference does: by a table of 31-bit reciprocals of b.

    Where b is its zero point the output is the bound on a's side, or the zero point where a is 0 too.
    """

    name = "div"
    aten = ("aten.div.Tensor", "aten.div_.Tensor", "aten.div.Scalar", "aten.divide.Tensor")
    float_kernel = "tk_div_f32"
    float_function = np.divide

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        steps = super().read(node, reader)
        step = steps[-1] if isinstance(steps, list) else steps
        divisor = step.inputs[1]
        if divisor.data is not None and divisor.quant is None:  # a multiplication
            if not np.all(divisor.data):
                raise reader.unsupported("a division by zero")
            inverse = (1.0 / divisor.data.astype(np.float64)).astype(np.float32)
            step.op = MUL.name
            step.inputs[1] = Value(f"{divisor.name}_inverse", divisor.shape, data=inverse)
        return steps

    def integers(self, step: Step, operands: list[Value], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        inverses, shifts = _reciprocals(operands[1])
        multiplier, down = _multiplier(step, operands)
        at = b.astype(np.int64) + 128
        x = a.astype(np.int64) - zero_point_of(operands[0])
        x, inverse, shift = np.broadcast_arrays(
            np.where(b < zero_point_of(operands[1]), -x, x), inverses[at], shifts[at]
        )
        headroom = _headroom(x)
        quotient = multiply_high(multiply_high(x << headroom, inverse), multiplier)
        scaled = shift_away(quotient, np.minimum(down + shift + headroom, LARGEST_SHIFT))
        bound = np.sign(x) * 255
        out = np.where(inverse == 0, bound, scaled) + zero_point_of(step.output)
        return np.clip(out, *output_bounds(step.output, step.attrs.get("activation"))).astype(np.int8)

    def integer_call(
        self, step: Step, operands: list[Value], pointers: tuple[str, str], shape: str, emitter: Emitter
    ) -> Call:
        inverses, shifts = _reciprocals(operands[1])
        names = [
            emitter.constant("inverse", inverses.astype(np.int32)),
            emitter.constant("inverse_shift", shifts.astype(np.uint8)),
        ]
        low, high = output_bounds(step.output, step.attrs.get("activation"))
        numbers = (*_multiplier(step, operands), zero_point_of(step.output), low, high)
        zeros = [str(zero_point_of(value)) for value in operands]
        fields = ", ".join([*names, *zeros, *map(str, numbers)])
        quotient = emitter.local("tk_quotient", "quotient", f"{{{fields}}}")
        return Call("tk_div_s8", [*pointers, quotient, emitter.pointer(step.output), shape])

    def cases(self) -> Iterable[Case]:
        yield from broadcast_cases(self.name, (0.05, 0.06, 0.05))
        x, y = (grid.astype(np.int8) for grid in np.meshgrid(range(-128, 128), range(-128, 128)))
        for scales in ((0.05, 0.06, 0.02), (0.001, 0.9, 0.003), (0.9, 0.001, 3.0)):
            a, b = (
                activation(n, x.shape, "int8", s, z) for n, s, z in zip("ab", scales, (9, -20), strict=False)
            )
            step = Step("div", "div", [a, b], activation("y", x.shape, "int8", scales[2], 1))
            yield Case(f"all-{'x'.join(map(str, scales))}", step, [x, y])


def _reciprocals(divisor: Value) -> tuple[np.ndarray, np.ndarray]:
    """Return for b = -128..127 the reciprocal of ``|b - zero_point|`` as ``inverse / 2**(31 + shift)``; 0 for 0."""
    magnitude = np.abs(np.arange(-128, 128) - zero_point_of(divisor)).astype(np.int64)
    shift = np.frexp(magnitude)[1] - 1  # magnitude = (1 + fraction) * 2**shift
    fraction = (np.maximum(magnitude, 1) << (31 - np.maximum(shift, 0))) - 2**31
    inverse = np.where(magnitude > 0, reciprocal_q31(fraction), 0)
    return inverse, np.maximum(shift, 0)


def _multiplier(step: Step, operands: list[Value]) -> tuple[int, int]:
    a, b, y = (
        np.float32(scale_of(value)) for value in (*operands, step.output)
    )  # as TensorFlow Lite divides them
    multiplier, shift = quantize_multiplier(min(float(a / (b * y)), LARGEST_RATIO))
    return multiplier, shift - 31


def _headroom(x: np.ndarray) -> np.ndarray:
    """Return how far an int32 can be shifted left before it overflows; 0 for 0."""
    magnitude = np.where(x < 0, -x - 1, x)
    return np.where(x == 0, 0, 31 - np.frexp(magnitude)[1])


OPERATOR = Div()
