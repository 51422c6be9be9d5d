"""float32 to int8, where a model's float part meets its integer part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Quantization, Step
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.int8_value import per_tensor_int8


class Quantize(Operator):
    """``output = clamp(round(input / scale) + zero_point)``, ties to even, as torch computes it."""

    name = "quantize"  # read by toolkit.lower.read
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        quant = per_tensor_int8(step.output, step.name)
        zero_point = int(quant.zero_point[0])
        low, high = (np.float32(bound - zero_point) for bound in (quant.qmin, quant.qmax))
        with np.errstate(over="ignore"):
            scaled = inputs[0].astype(np.float32) * _inverse(quant)
        return (np.rint(np.where(scaled > low, np.minimum(scaled, high), low)) + zero_point).astype(np.int8)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        quant = per_tensor_int8(step.output, step.name)
        numbers = [str(n) for n in (int(quant.zero_point[0]), quant.qmin, quant.qmax)]
        inverse = emitter.float_literal(float(_inverse(quant)))
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_quantize_s8", [pointers[0], inverse, *numbers, pointers[1], str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for shape, scale in (((1, 3, 5, 7), 0.05), ((1, 1), 0.5), ((1, 300), 0.013)):
            x, y = activation("x", shape, "float32"), activation("y", shape, "int8", scale, -7)
            yield Case(case_id(shape, scale), Step("quantize", "quantize", [x], y), [sample(x, 11)])
        ties = np.arange(-600, 600, dtype=np.float32)[None] / 4
        far = np.array([[np.inf, -np.inf, 3e38, -3e38, 1e-40, -0.0, np.nan]], np.float32)
        for name, data in (("ties", ties), ("far", far)):
            x, y = activation("x", data.shape, "float32"), activation("y", data.shape, "int8", 0.5, 100)
            yield Case(name, Step("quantize", "quantize", [x], y), [data])


def _inverse(quant: Quantization) -> np.float32:
    """Return 1 / scale as torch computes it: in double, used in float32."""
    return np.float32(1.0 / float(quant.scale[0]))


OPERATOR = Quantize()
