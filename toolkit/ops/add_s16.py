"""Addition of int16 activations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.binary import BinaryOperator
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import int16_cases
from toolkit.ops.requantize import output_bounds, quantize_multiplier

EXTRA_BITS = 15  # of precision while two scales become one, as in TensorFlow Lite


class AddS16(BinaryOperator):
    """``output = a + b`` (``sign`` -1: a - b); rounds after every product and every shift, as TensorFlow Lite does."""

    name = "add_s16"
    sign: ClassVar[int] = 1

    def integers(self, step: Step, operands: list[Value], a: np.ndarray, b: np.ndarray) -> np.ndarray:
        scales = _scales(step, operands)
        left, right = (
            shift_away(multiply_high(data.astype(np.int64) << EXTRA_BITS, multiplier), shift)
            for data, (multiplier, shift) in zip((a, b), scales[:2], strict=True)
        )
        multiplier, shift = scales[2]
        out = shift_away(multiply_high(left + self.sign * right, multiplier), shift)
        return np.clip(out, *output_bounds(step.output, step.attrs.get("activation"))).astype(np.int16)

    def integer_call(
        self, step: Step, operands: list[Value], pointers: tuple[str, str], shape: str, emitter: Emitter
    ) -> Call:
        a, b, total = _scales(step, operands)
        bounds = output_bounds(step.output, step.attrs.get("activation"))
        fields = (*a, self.sign * b[0], b[1], *total, *bounds)
        sums = emitter.local("tk_sum_s16", "sum", f"{{{', '.join(map(str, fields))}}}")
        return Call("tk_add_s16", [*pointers, sums, emitter.pointer(step.output), shape])

    def cases(self) -> Iterable[Case]:
        return int16_cases(broadcast_cases(self.name, (0.05, 0.013, 0.06)), self.name)


def _scales(step: Step, operands: list[Value]) -> list[tuple[int, int]]:
    """Return multiplier and right shift of a, b and the sum, relative to twice the larger input scale."""
    scales = [scale_of(value) for value in operands]
    reals = [scale / (2 * max(scales)) for scale in scales]
    reals.append(2 * max(scales) / (2**EXTRA_BITS * scale_of(step.output)))
    if reals[2] >= 1:
        raise ToolkitError("a sum's scale is far finer than its inputs'", at=step.name, fix="calibrate again")
    return [(m, shift - 31) if m else (0, 0) for m, shift in map(quantize_multiplier, reals)]


OPERATOR = AddS16()
