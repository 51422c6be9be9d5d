"""Addition of two activations, or of an activation and a constant that broadcasts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.add_linear import LinearForm, linear_form
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.reading import real_input
from toolkit.ops.requantize import output_bounds, quantize_multiplier
from toolkit.ops.weighted import apply_bounds, float_bounds

EXTRA_BITS = 20  # of precision while two scales become one, as in TensorFlow Lite


class Add(Operator):
    """``output = a + b``.

    int8 rounds as TensorFlow Lite's reference (and CMSIS-NN) does: after every product and every shift. That
    differs from rounding once only where the exact sum lies half-way between two integers, or within the
    2**-20 that the intermediate sum keeps.
    """

    name = "add"
    aten = ("aten.add.Tensor", "aten.add_.Tensor")
    quantization = "io"
    layout = "axes"  # a constant has axes; lower.layout turns it with the activation
    fuses_activation = True

    def read(self, node: Any, reader: Reader) -> Step:
        if node.kwargs.get("alpha", 1) != 1:
            raise reader.unsupported("alpha other than 1")
        values = sorted(
            (real_input(arg, reader) for arg in node.args[:2]), key=lambda value: value.data is not None
        )
        shape = tuple(node.meta["val"].shape)
        if values[0].data is not None:
            raise reader.unsupported("two constants")
        if any(value.data is None and value.shape != shape for value in values):
            raise reader.unsupported(
                f"shapes {values[0].shape} and {values[1].shape}: an activation that broadcasts"
            )
        values = [value if value.data is None else _with_rank(value, len(shape)) for value in values]
        return Step(self.name, "", values, Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, y = inputs[0], inputs[1] if len(inputs) > 1 else _operands(step)[1].data
        assert y is not None
        if step.output.quant is None:
            return apply_bounds(x.astype(np.float32) + y.astype(np.float32), step)
        return _sum(step, x, y)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        a, b = _operands(step)
        if b.data is None:
            pointer, size = emitter.pointer(b), step.output.size
        else:
            data = _repeated(b.data, step.output.shape)
            pointer, size = emitter.constant("addend", data), data.size
        operands = [emitter.pointer(a), pointer]
        tail = [emitter.pointer(step.output), str(step.output.size // size), str(size)]
        if step.output.quant is None:
            low, high = float_bounds(step)
            return Call(
                "tk_add_f32", [*operands, emitter.float_literal(low), emitter.float_literal(high), *tail]
            )
        bounds = [str(bound) for bound in output_bounds(step.output, step.attrs.get("activation"))]
        if (form := _linear_form(step, a, b)) is not None:
            fields = ", ".join([*map(str, form.fields()), *bounds])
            form_name = emitter.local("tk_add_linear", "form", f"{{{fields}}}")
            return Call("tk_add_linear_s8", [*operands, form_name, *tail])
        zeros = [zero_point_of(value) for value in (a, b, step.output)]
        parts = [
            f"{{{zero}, {multiplier}, {shift}}}"
            for zero, (multiplier, shift) in zip(zeros, _scales(step, a, b), strict=True)
        ]
        scales = emitter.local("tk_add_scales", "scales", f"{{{', '.join([*parts, *bounds])}}}")
        return Call("tk_add_s8", [*operands, scales, *tail])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape in ((1, 1), (1, 5, 3, 8), (2, 257)):
                a, b = activation("a", shape, kind, 0.05, 7), activation("b", shape, kind, 0.013, -100)
                step = Step("add", "add", [a, b], activation("y", shape, kind, 0.06, -5))
                yield Case(case_id("two", shape, kind), step, [sample(a, 1), sample(b, 2)])
            yield from (_constant_case(shape, kind) for shape in ((1, 1, 1, 6), (1, 4, 1, 1), (1, 1, 1, 1)))
        yield from _all_pairs()


def _with_rank(value: Value, rank: int) -> Value:
    """Give a constant leading axes of size 1, so that its axes are the activation's."""
    assert value.data is not None
    data = value.data.reshape((1,) * (rank - value.data.ndim) + value.data.shape)
    return Value(value.name, data.shape, value.dtype, value.quant, data)


def _operands(step: Step) -> tuple[Value, Value]:
    """Return both inputs; a float constant becomes symmetric int8 in an int8 step."""
    a, b = step.inputs
    if b.data is None or step.output.quant is None:
        return a, b
    if b.quant is not None and b.quant.per_tensor and b.dtype == "int8":
        return a, b
    real = b.data.astype(np.float64)
    if b.quant is not None:
        by_axis = [-1 if axis == b.quant.axis else 1 for axis in range(real.ndim)]
        real = (real - b.quant.zero_point.reshape(by_axis)) * b.quant.scale.reshape(by_axis)
    scale = float(np.abs(real).max()) / 127 or 1.0
    return a, Value(b.name, b.shape, "int8", per_tensor(scale), np.rint(real / scale).astype(np.int8))


def _sum(step: Step, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the int8 sum of int8 ``x`` and ``y``, which broadcast, at the step's scales."""
    a, b = _operands(step)
    scales = _scales(step, a, b)
    total = np.zeros(1, np.int64)
    for data, value, (multiplier, shift) in zip((x, y), (a, b), scales[:2], strict=True):
        centred = (data.astype(np.int64) - zero_point_of(value)) << EXTRA_BITS
        total = total + shift_away(multiply_high(centred, multiplier), shift)
    multiplier, shift = scales[2]
    scaled = shift_away(multiply_high(total, multiplier), shift) + zero_point_of(step.output)
    return np.clip(scaled, *output_bounds(step.output, step.attrs.get("activation"))).astype(np.int8)


def _linear_form(step: Step, a: Value, b: Value) -> LinearForm | None:
    """Return the linear form that equals the reference for every pair of int8 values."""
    every = np.arange(-128, 128, dtype=np.int8)
    sums = _sum(step, every[:, None], every).astype(np.int64)
    ratio_a, ratio_b = (scale_of(value) / scale_of(step.output) for value in (a, b))
    low, high = output_bounds(step.output, step.attrs.get("activation"))
    return linear_form(sums, ratio_a, ratio_b, low, high)


def _scales(step: Step, a: Value, b: Value) -> list[tuple[int, int]]:
    """Return multiplier and right shift of a, b and the sum, relative to twice the larger input scale."""
    twice_larger = 2 * max(scale_of(a), scale_of(b))
    reals = [scale_of(a) / twice_larger, scale_of(b) / twice_larger]
    reals.append(twice_larger / (2**EXTRA_BITS * scale_of(step.output)))
    if reals[2] >= 1:
        raise ToolkitError(
            f"the sum's scale is {reals[2] * 2**EXTRA_BITS:.0f} times finer than its inputs'",
            at=step.name,
            fix="calibrate again: its range cannot be right",
        )
    return [
        (multiplier, shift - 31) if multiplier else (0, 0)
        for multiplier, shift in map(quantize_multiplier, reals)
    ]


def _repeated(data: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the shortest run whose repetition is ``data`` broadcast to ``shape``."""
    axis = next((i for i, size in enumerate(data.shape) if size != 1), data.ndim)
    return np.broadcast_to(data, (*data.shape[:axis], *shape[axis:])).ravel()


def _constant_case(constant: tuple[int, ...], kind: str) -> Case:
    shape = (1, 4, 3, 6)
    a, rng = activation("a", shape, kind, 0.05, 7), np.random.default_rng(len(constant) + sum(constant))
    b = Value("b", constant, data=rng.normal(size=constant).astype(np.float32))
    step = Step("add", "add", [a, b], activation("y", shape, kind, 0.06, -5), {"activation": (0.0, np.inf)})
    return Case(case_id("constant", constant, kind), step, [sample(a, 3)])


def _all_pairs() -> Iterable[Case]:
    """Every pair of int8 values, at scales where sums fall half-way between integers and at others."""
    x, y = (grid.astype(np.int8) for grid in np.meshgrid(range(-128, 128), range(-128, 128)))
    some = [
        ((0.05, 0.05, 0.1), (-128, 127)),
        ((0.25, 0.125, 0.5), (-128, 127)),
        ((0.0031, 0.71, 0.4), (-128, 127)),
        ((0.02, 0.03, 0.0001), (-128, 127)),
        ((0.75, 0.5, 1.0), (0, 0)),  # no linear form
    ]
    for scales, zeros in some:
        a, b = (activation(n, x.shape, "int8", s, z) for n, s, z in zip("ab", scales, zeros, strict=False))
        step = Step("add", "add", [a, b], activation("y", x.shape, "int8", scales[2], 0))
        yield Case(case_id("all", scales), step, [x, y])


OPERATOR = Add()
