"""float32 to int16, where a model's float part meets its integer part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, per_tensor
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST


class QuantizeS16(Operator):
    """``output = clamp(round(input / scale))``, ties to even, as torch computes it."""

    name = "quantize_s16"
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        with np.errstate(over="ignore"):
            scaled = inputs[0].astype(np.float32) * np.float32(1.0 / scale_of(step.output))
        kept = np.where(scaled > LOWEST, np.minimum(scaled, np.float32(LARGEST)), np.float32(LOWEST))
        return np.rint(kept).astype(np.int16)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        inverse = emitter.float_literal(float(np.float32(1.0 / scale_of(step.output))))
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_quantize_s16", [pointers[0], inverse, pointers[1], str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for shape, scale in (((1, 3, 5, 7), 0.0005), ((1, 1), 0.5), ((1, 300), 1e-5)):
            x, y = activation("x", shape, "float32"), activation("y", shape, "int16", scale)
            y.quant = per_tensor(scale, 0, LOWEST, LARGEST)
            yield Case(case_id(shape, scale), Step(self.name, "quantize", [x], y), [sample(x, 11)])


OPERATOR = QuantizeS16()
