"""Relu with a learned slope for negative values, one per channel or one for all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import output_bounds, quantize_multiplier, requantize

SATURATING = 2.0**16  # from here on all but 0 end at a bound


class Prelu(Operator):
    """``output = input`` where that is positive, else ``input * slope[channel]``; the slope is a constant.

    int8 equals TensorFlow Lite's reference where sums round twice.
    """

    name = "prelu"
    aten = ("aten.prelu.default", "aten._prelu_kernel.default")
    quantization = "io"
    layout = "channels_last"
    float_constants = True

    def read(self, node: Any, reader: Reader) -> Step:
        x, slope = (real_input(arg, reader) for arg in node.args[:2])
        if slope.data is None:
            raise reader.unsupported("a slope that is not constant")
        if slope.size == 1 and slope.quant is None:
            attrs = {"function": "leaky_relu", "parameters": (float(slope.data.reshape(-1)[0]),)}
            return Step("table", "", [x], Value("", ()), attrs)
        if slope.size > 1 and len(x.shape) not in (2, 4):
            raise reader.unsupported(f"slopes for the channels of {len(x.shape)} axes")
        slope = replace(slope, shape=(slope.size,), data=slope.data.reshape(-1))
        return Step(self.name, "", [x, slope], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, y, slope = inputs[0], step.output, stored_slope(step)
        assert slope.data is not None
        if y.quant is None:
            return np.where(x > 0, x, x * slope.data.astype(np.float32)).astype(np.float32)
        centred = x.astype(np.int64) - zero_point_of(step.inputs[0])
        product = centred * (slope.data.astype(np.int64) - zero_point_of(slope))
        positive, negative = (
            requantize(acc, *multiplier, step.rounding)
            for acc, multiplier in zip((centred, product), _multipliers(step, slope), strict=True)
        )
        out = np.where(centred >= 0, positive, negative) + zero_point_of(y)
        return np.clip(out, *output_bounds(y, None)).astype(np.int8)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y, slope = step.inputs[0], step.output, stored_slope(step)
        assert slope.data is not None
        shape = [str(y.size // slope.size), str(slope.size)]
        if y.quant is None:
            data = emitter.constant("slope", slope.data.astype(np.float32))
            return Call("tk_prelu_f32", [emitter.pointer(x), data, emitter.pointer(y), *shape])
        data = emitter.constant(
            "slope", (slope.data.astype(np.int16) - zero_point_of(slope)).astype(np.int16)
        )
        low, high = output_bounds(y, None)
        rest = f"0, {zero_point_of(y)}, {low}, {high}, {int(step.rounding == 'double')}"
        scales = []
        for side, (multiplier, shift) in zip(
            ("positive", "negative"), _multipliers(step, slope), strict=True
        ):
            names = [
                emitter.constant(f"{side}_multiplier", np.array([multiplier], np.int32)),
                emitter.constant(f"{side}_shift", np.array([shift], np.uint8)),
            ]
            scales.append(emitter.local("tk_requant_s8", side, f"{{{', '.join(names)}, {rest}}}"))
        pointers = [emitter.pointer(x), str(zero_point_of(x)), data, *scales, emitter.pointer(y)]
        return Call("tk_prelu_s8", [*pointers, *shape])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, count in (((1, 3, 5, 7), 7), ((1, 300), 1), ((1, 9), 9)):
                yield _case(kind, shape, count)
        yield _case("int8", (1, 4, 16, 4), 4, extreme=True)
        once = _case("int8", (1, 2, 64, 2), 2)
        for scale in (0.011, 0.3, 3e-9):
            y = replace(once.step.output, quant=per_tensor(scale, -20))
            step = replace(once.step, output=y, rounding="double")
            yield Case(f"{once.id}-{scale}-double", step, once.inputs)


def stored_slope(step: Step) -> Value:
    """Return the slope; a float one becomes symmetric int8 in an int8 step."""
    slope = step.inputs[1]
    if slope.quant is not None or step.output.quant is None:
        return slope
    assert slope.data is not None
    real = slope.data.astype(np.float64)
    scale = float(np.abs(real).max()) / 127 or 1.0
    return Value(slope.name, slope.shape, "int8", per_tensor(scale), np.rint(real / scale).astype(np.int8))


def _multipliers(step: Step, slope: Value) -> list[tuple[int, int]]:
    """Return multiplier and shift for values that are not negative, and for products with the slope."""
    ratio = scale_of(step.inputs[0]) / scale_of(step.output)
    product = scale_of(step.inputs[0]) * scale_of(slope) / scale_of(step.output)
    return [quantize_multiplier(min(real, SATURATING)) for real in (ratio, product)]


def _case(kind: str, shape: tuple[int, ...], count: int, extreme: bool = False) -> Case:
    x, y = activation("x", shape, kind, 0.05, 3), activation("y", shape, kind, 0.04, -40)
    rng = np.random.default_rng([count, *shape])
    if kind == "int8":
        data = rng.integers(-128, 128, count).astype(np.int8)
        slope = Value("slope", (count,), "int8", per_tensor(0.003, 11), data)
    else:
        slope = Value("slope", (count,), data=rng.normal(0.1, 0.3, count).astype(np.float32))
    step = Step("prelu", "prelu", [x, slope], y)
    name = case_id(shape, count, kind, *(["extreme"] if extreme else []))
    return Case(name, step, [sample(x, count, extreme=extreme)])


OPERATOR = Prelu()
