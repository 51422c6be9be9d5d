"""int8 to float32, where a model's integer part meets its float part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.int8_value import per_tensor_int8


class Dequantize(Operator):
    """``output = (input - zero_point) * scale`` in float32, as ``quantized_decomposed`` computes it."""

    name = "dequantize"  # read by toolkit.lower.read
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        quant = per_tensor_int8(step.inputs[0], step.name)
        centred = inputs[0].astype(np.int32) - int(quant.zero_point[0])
        return centred.astype(np.float32) * np.float32(quant.scale[0])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        quant = per_tensor_int8(step.inputs[0], step.name)
        numbers = [str(int(quant.zero_point[0])), emitter.float_literal(float(quant.scale[0]))]
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_dequantize_s8", [pointers[0], *numbers, pointers[1], str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 3 * step.output.size  # four bytes written for one read, from the front

    def cases(self) -> Iterable[Case]:
        for shape, scale, zero_point in (((1, 3, 5, 7), 0.05, 3), ((1, 1), 0.5, -128), ((1, 300), 1e-6, 127)):
            x, y = activation("x", shape, "int8", scale, zero_point), activation("y", shape, "float32")
            yield Case(case_id(shape, scale), Step("dequantize", "dequantize", [x], y), [sample(x, 12)])


OPERATOR = Dequantize()
