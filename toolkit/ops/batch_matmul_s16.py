"""Products of two int16 activations' matrices."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.batch_matmul import BatchMatmul, matmul_fields, matmul_operands
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import finish_wide, int16_cases, requant_s16, wide_multipliers
from toolkit.ops.requantize import output_bounds, quantize_multiplier
from toolkit.ops.weighted import exact_matmul


class BatchMatmulS16(BatchMatmul):
    """As ``batch_matmul``; 64-bit sums, rounded once."""

    name = "batch_matmul_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        a, b = matmul_operands(step, inputs)
        out = finish_wide(exact_matmul(a, b), *_scaling(step), *output_bounds(step.output, None))
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [
            emitter.pointer(value) if value.data is None else emitter.constant(name, value.data)
            for name, value in zip(("a", "weight"), step.inputs, strict=True)
        ]
        shape = emitter.local("tk_matmul", "shape", f"{{{matmul_fields(step)}}}")
        requant = requant_s16(*_scaling(step), *output_bounds(step.output, None), emitter)
        return Call("tk_batch_matmul_s16", [*pointers, requant, emitter.pointer(step.output), shape])

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


def _scaling(step: Step) -> tuple[np.ndarray, np.ndarray]:
    a, b = (scale_of(value) for value in step.inputs)
    pair = quantize_multiplier(a * b * step.attrs.get("alpha", 1.0) / scale_of(step.output))
    multiplier, shift = (np.array([n], np.int64) for n in pair)
    return wide_multipliers(multiplier, shift, step.name)


OPERATOR = BatchMatmulS16()
