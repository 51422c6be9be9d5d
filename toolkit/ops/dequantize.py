"""int8 to float32, where a model's integer part meets its float part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Quantization, Step
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.int8_value import along_channels, of_channels, per_tensor_int8
from toolkit.ops.quantize import CHANNELS, of_scales


class Dequantize(Operator):
    """``output = (input - zero_point) * scale`` in float32, as ``quantized_decomposed`` computes it.

    Weights and biases that change from run to run have a scale for each index of an axis; biases are int32.
    """

    name = "dequantize"  # read by toolkit.lower.read
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        quant, zero_point = _of(step)
        scale = quant.scale.astype(np.float32)
        if quant.axis is not None:
            scale = along_channels(scale, quant, inputs[0].ndim)
        return (inputs[0].astype(np.int32) - np.int32(zero_point)).astype(np.float32) * scale

    def emit(self, step: Step, emitter: Emitter) -> Call:
        quant, zero_point = _of(step)
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        if quant.axis is None:
            numbers = [str(zero_point), emitter.float_literal(float(quant.scale[0]))]
            return Call("tk_dequantize_s8", [x, *numbers, y, str(step.output.size)])
        scales = emitter.constant("scale", quant.scale.astype(np.float32))
        sizes = [str(n) for n in of_channels(step.inputs[0], step.name)[2]]
        arguments = [x, str(zero_point), scales, y, *sizes]
        return Call.typed("tk_dequantize_channels", step.inputs[0], arguments)

    def overlap(self, step: Step, index: int) -> int | None:
        # four bytes written for each value read, from the front
        return (4 - ITEMSIZE[step.inputs[0].dtype]) * step.output.size

    def cases(self) -> Iterable[Case]:
        for shape, scale, zero_point in (((1, 3, 5, 7), 0.05, 3), ((1, 1), 0.5, -128), ((1, 300), 1e-6, 127)):
            x, y = activation("x", shape, "int8", scale, zero_point), activation("y", shape, "float32")
            yield Case(case_id(shape, scale), Step("dequantize", "dequantize", [x], y), [sample(x, 12)])
        for sizes, axis, dtype in CHANNELS:
            x, y = of_scales("x", sizes, axis, dtype), activation("y", sizes, "float32")
            assert x.quant is not None
            rng = np.random.default_rng(sizes)
            data = rng.integers(x.quant.qmin, x.quant.qmax + 1, sizes).astype(dtype)
            yield Case(
                case_id("channels", sizes, axis, dtype), Step("dequantize", "dequantize", [x], y), [data]
            )


def _of(step: Step) -> tuple[Quantization, int]:
    value = step.inputs[0]
    if value.quant is not None and value.quant.axis is not None:
        return of_channels(value, step.name)[:2]
    quant = per_tensor_int8(value, step.name)
    return quant, int(quant.zero_point[0])


OPERATOR = Dequantize()
