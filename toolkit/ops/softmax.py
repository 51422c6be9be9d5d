"""Softmax along one axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, ClassVar, Literal

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.exponential import exp_f32, exp_q26, reciprocal_q31
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import quantize_multiplier
from toolkit.ops.rows import rows_of

LARGEST_DEPTH = 4095  # the sum of exponentials has 12 integer bits


class Softmax(Operator):
    """``output = exp(input - max) / sum`` along ``attrs["axis"]``.

    int8 equals TensorFlow Lite's reference kernel (and TFLM's) bit for bit: output scale 1/256, zero point
    -128. float32 uses an exponential of its own, within one unit in the last place.
    """

    name = "softmax"
    aten: ClassVar[tuple[str, ...]] = ("aten.softmax.int", "aten._softmax.default")
    quantization = "fixed"
    layout: ClassVar[Literal["axes", "fixed"]] = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        return Step(self.name, "", [x], Value("", ()), {"axis": int(node.args[1]) % len(x.shape)})

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x = np.moveaxis(inputs[0], step.attrs["axis"], -1)
        integer = step.output.quant is not None
        out = self.integers(x, *_scaling(step, self.fixed_output)) if integer else self.floats(x)
        return np.ascontiguousarray(np.moveaxis(out, -1, step.attrs["axis"])).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        rows = [str(n) for n in rows_of(step)]
        if step.output.quant is None:
            return Call(f"tk_{self.name}_f32", [x, y, *rows])
        scaling = [str(n) for n in _scaling(step, self.fixed_output)]
        scratch = [emitter.scratch("int32_t")] if self.scratch_bytes(step) else []
        return Call(f"tk_{self.name}_s8", [x, *scaling, *scratch, y, *rows])

    def scratch_bytes(self, step: Step) -> int:
        return 0 if step.output.quant is None else 4 * rows_of(step)[1]

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, axis in (((1, 10), 1), ((3, 2), 1), ((1, 1), 1), ((1, 3, 2, 5), 3), ((2, 4, 3), 1)):
                yield self.case(shape, axis, kind)
            yield self.case((4, 12), 1, kind, 0.2, extreme=True)
        for scale in (1e-9, 0.001, 0.1, 0.4, 3.0, 50.0):
            yield self.case((8, 20), 1, "int8", scale)
        equal = self.case((1, 600), 1, "int8")
        yield Case("equal-600", equal.step, [np.zeros((1, 600), np.int8)])

    def case(
        self, shape: tuple[int, ...], axis: int, kind: str, scale: float = 0.05, extreme: bool = False
    ) -> Case:
        """Return a case at an input scale; ``extreme``: of no other values than the smallest and the largest."""
        x, y = activation("x", shape, kind, scale, -20), activation("y", shape, kind, *self.fixed_output)
        step = Step(self.name, self.name, [x], y, {"axis": axis})
        name = case_id(shape, axis, scale, kind, *(["extreme"] if extreme else []))
        return Case(name, step, [sample(x, 8, extreme=extreme)])

    def floats(self, x: np.ndarray) -> np.ndarray:
        """Return the output along the last axis in float32, the sum in order."""
        exponential = exp_f32(x - x.max(-1, keepdims=True))
        return exponential / np.cumsum(exponential, -1, dtype=np.float32)[..., -1:]

    def integers(self, x: np.ndarray, multiplier: int, left: int, smallest: int) -> np.ndarray:
        """Return the int8 output along the last axis, every rounding as in the kernel."""
        _, exponential, total = exponentials(x, multiplier, left, smallest)
        headroom = 32 - np.frexp(total.astype(np.float64))[1].astype(np.int64)
        reciprocal = reciprocal_q31((total << headroom) - 2**31)
        chance = shift_away(multiply_high(exponential, reciprocal), 35 - headroom)
        return np.minimum(chance - 128, 127).astype(np.int8)


def _scaling(step: Step, output: tuple[float, int]) -> tuple[int, int, int]:
    """Return multiplier, left shift, and the smallest difference to the maximum that counts.

    As TensorFlow Lite's ``PreprocessSoftmaxScaling`` and ``CalculateInputRadius`` for 5 integer bits. ``output`` is the
    only output scale and zero point that the kernel has.
    """
    x, y = step.inputs[0], step.output
    if (scale_of(y), zero_point_of(y)) != output:
        scale, zero_point = f"1/{1 / output[0]:g}", output[1]
        raise ToolkitError(
            f"int8 {step.op} has scale {scale} and zero point {zero_point}, not {scale_of(y)} and {zero_point_of(y)}",
            at=step.name,
            fix=f"quantize its output with scale={scale}, zero_point={zero_point}, quant_min=-128, quant_max=127",
        )
    if rows_of(step)[1] > LARGEST_DEPTH:
        raise ToolkitError(
            f"int8 {step.op} over more than {LARGEST_DEPTH} values", at=step.name, fix="leave it in float"
        )
    real = min(scale_of(x) * 2**26, 2**31 - 1.0)
    if real < 1:
        return 0, 0, -255  # so fine a scale that all values are equal
    multiplier, shift = quantize_multiplier(real / 2)  # half, as real may reach 2**31
    left = 32 - shift
    return multiplier, left, -math.floor(31 * 2**26 / 2**left)


def exponentials(
    x: np.ndarray, multiplier: int, left: int, smallest: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return differences to the last axis' maximum (Q5.26), their exponentials (Q0.31) and the sum (Q12.19)."""
    difference = x.astype(np.int64) - x.max(-1, keepdims=True)
    counts = difference >= smallest
    scaled = multiply_high(np.where(counts, difference, 0) << left, multiplier)
    exponential = np.where(counts, exp_q26(scaled), 0)
    return scaled, exponential, shift_away(exponential, 12).sum(-1, keepdims=True)


OPERATOR = Softmax()
