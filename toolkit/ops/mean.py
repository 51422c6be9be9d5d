"""The mean over any axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.half import halved, suffix, widened
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.reduction import ReductionOperator, reduced_count, reduction_struct, taken_together
from toolkit.ops.requantize import quantize_multiplier, requantize

LARGEST_RATIO = 2.0**7  # of scales, so that no sum overflows where it is rescaled


class Mean(ReductionOperator):
    """``output = mean(input)`` over ``attrs["axes"]``.

    int8: the sum, requantized by a multiplier that holds the division, as TensorFlow Lite's reference computes it.
    """

    name = "mean"
    aten: ClassVar[tuple[str, ...]] = ("aten.mean.dim", "aten.mean.default")
    quantization = "io"
    half_operands = 1
    of_halves = "float32"

    def divisor(self, step: Step) -> int:
        """Return what the sum is divided by."""
        return reduced_count(step)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, y = widened(inputs[0]), step.output
        if y.quant is None:
            total = np.zeros(y.shape, np.float32)
            for values in taken_together(step, x):
                total = total + values
            return (total / np.float32(self.divisor(step))).astype(np.float32)
        total_q = x.astype(np.int64).sum(step.attrs["axes"], keepdims=True) + _bias(step)
        out = requantize(total_q, *self.multiplier(step), step.rounding) + zero_point_of(y)
        return np.clip(out, -128, 127).astype(np.int8)

    def multiplier(self, step: Step) -> tuple[int, int]:
        """Return multiplier and shift from sums to the output's scale."""
        ratio = scale_of(step.inputs[0]) / scale_of(step.output)
        multiplier, shift = quantize_multiplier(min(ratio, LARGEST_RATIO))
        count = self.divisor(step)
        up = min(count.bit_length() - 1, 32, 62 - shift)
        return (multiplier << up) // count, shift + up

    def emit(self, step: Step, emitter: Emitter) -> Call:
        y, shape = step.output, reduction_struct(step, emitter)
        if y.quant is None:
            divisor = emitter.float_literal(self.divisor(step))
            arguments = [emitter.pointer(step.inputs[0]), divisor, emitter.pointer(y), shape]
            return Call(f"tk_reduce_sum_{suffix(step)}", arguments, "tk_reduce_sum_f32")
        multiplier, shift = self.multiplier(step)
        names = [
            emitter.constant("multiplier", np.array([multiplier], np.int32)),
            emitter.constant("shift", np.array([shift], np.uint8)),
        ]
        rest = (0, zero_point_of(y), -128, 127, int(step.rounding == "double"))
        requant = emitter.local("tk_requant_s8", "requant", f"{{{', '.join([*names, *map(str, rest)])}}}")
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(y)
        return Call("tk_reduce_sum_s8", [pointers[0], str(_bias(step)), requant, pointers[1], shape])

    def cases(self) -> Iterable[Case]:
        for case in super().cases():
            yield case
            if case.step.output.quant is None:
                yield halved(case, 1, output=False)

    def case_scale(self, count: int) -> tuple[float, int]:
        return 0.05 / count**0.5, 11


def _bias(step: Step) -> int:
    return -zero_point_of(step.inputs[0]) * reduced_count(step)


OPERATOR = Mean()
