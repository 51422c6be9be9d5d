"""int16 to float32, where a model's integer part meets its float part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, per_tensor
from toolkit.ops.activation_cases import activation, case_id
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST


class DequantizeS16(Operator):
    """``output = input * scale`` in float32, as ``quantized_decomposed`` computes it."""

    name = "dequantize_s16"
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return inputs[0].astype(np.float32) * np.float32(scale_of(step.inputs[0]))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        scale = emitter.float_literal(scale_of(step.inputs[0]))
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_dequantize_s16", [pointers[0], scale, pointers[1], str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 2 * step.output.size  # four bytes written for two read, from the front

    def cases(self) -> Iterable[Case]:
        for shape, scale in (((1, 3, 5, 7), 0.0005), ((1, 1), 0.5), ((1, 300), 1e-6)):
            x, y = activation("x", shape, "int16", scale), activation("y", shape, "float32")
            x.quant = per_tensor(scale, 0, LOWEST, LARGEST)
            data = np.random.default_rng(0).integers(LOWEST, LARGEST + 1, shape).astype(np.int16)
            yield Case(case_id(shape, scale), Step(self.name, "dequantize", [x], y), [data])


OPERATOR = DequantizeS16()
