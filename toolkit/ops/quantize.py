"""float32 to int8, where a model's float part meets its integer part."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Quantization, Step, Value, per_channel
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.int8_value import along_channels, of_channels, per_tensor_int8

LARGEST_BIAS = 2**30  # so that no sum of products leaves 32 bits with it


class Quantize(Operator):
    """``output = clamp(round(input / scale) + zero_point)``, ties to even, as torch computes it.

    Weights and biases that change from run to run have a scale for each index of an axis, and biases become int32.
    """

    name = "quantize"  # read by toolkit.lower.read
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        quant, zero_point = _of(step)
        inverse = _inverse(quant)
        if quant.axis is not None:
            inverse = along_channels(inverse, quant, inputs[0].ndim)
        low, high = (np.float32(bound - zero_point) for bound in (quant.qmin, quant.qmax))
        with np.errstate(over="ignore"):
            scaled = inputs[0].astype(np.float32) * inverse
        kept = np.where(scaled > low, np.minimum(scaled, high), low)
        return (np.rint(kept).astype(np.int32) + np.int32(zero_point)).astype(step.output.dtype)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        quant, zero_point = _of(step)
        numbers = [str(n) for n in (zero_point, quant.qmin, quant.qmax)]
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        if quant.axis is None:
            inverse = emitter.float_literal(float(_inverse(quant)[0]))
            return Call("tk_quantize_s8", [x, inverse, *numbers, y, str(step.output.size)])
        inverses = emitter.constant("inverse", _inverse(quant))
        sizes = [str(n) for n in of_channels(step.output, step.name)[2]]
        return Call.typed("tk_quantize_channels", step.output, [x, inverses, *numbers, y, *sizes])

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
        for sizes, axis, dtype in CHANNELS:
            y = of_scales("y", sizes, axis, dtype)
            x = activation("x", sizes, "float32")
            data = sample(x, 13) * (3e8 if dtype == "int32" else 3)
            data.flat[0] = np.nan
            yield Case(case_id("channels", sizes, axis, dtype), Step("quantize", "quantize", [x], y), [data])


CHANNELS: tuple[tuple[tuple[int, ...], int, str], ...] = (
    ((5, 3, 3, 2), 0, "int8"),
    ((1, 6), 1, "int8"),
    ((2, 3, 4), 1, "int8"),
    ((7,), 0, "int32"),
)  # shape, axis, type of cases


def of_scales(name: str, shape: tuple[int, ...], axis: int, dtype: str) -> Value:
    """Return a case's value with a scale for each index of ``axis``."""
    largest = 127 if dtype == "int8" else LARGEST_BIAS
    scales = np.random.default_rng(shape).uniform(0.01, 0.1, shape[axis])
    return Value(name, shape, dtype, per_channel(scales, axis, -largest, largest))


def _of(step: Step) -> tuple[Quantization, int]:
    output = step.output
    if output.quant is not None and output.quant.axis is not None:
        return of_channels(output, step.name)[:2]
    quant = per_tensor_int8(output, step.name)
    return quant, int(quant.zero_point[0])


def _inverse(quant: Quantization) -> np.ndarray:
    """Return 1 / scale as torch computes it: in double, used in float32."""
    return (1.0 / quant.scale).astype(np.float32)


OPERATOR = Quantize()
