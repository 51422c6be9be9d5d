"""Addition of two activations, or of an activation and a constant that broadcasts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id
from toolkit.ops.add_linear import EverySum, linear_form
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import (
    broadcast_fields,
    in_place,
    integer_operands,
    merged_axes,
    operand_data,
    operand_pointer,
    read_operands,
)
from toolkit.ops.broadcast_cases import broadcast_cases
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.increment import counted
from toolkit.ops.int8_value import scale_of, zero_point_of
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
    aten: ClassVar[tuple[str, ...]] = ("aten.add.Tensor", "aten.add_.Tensor", "aten.add.Scalar")
    quantization = "io"
    layout = "axes"  # operands have axes; lower.permutes turns them together
    fuses_activation = True
    sign: ClassVar[int] = 1  # of b

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        if node.kwargs.get("alpha", 1) != 1:
            raise reader.unsupported("alpha other than 1")
        if self.sign > 0 and isinstance(node.args[1], int) and reader.value(node.args[0]).dtype == "int32":
            return counted(reader.value(node.args[0]), node.args[1])
        operands, steps = read_operands(node, reader)
        operands.sort(key=lambda value: value.data is not None)
        return [*steps, Step(self.name, "", operands, Value("", ()))]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        operands = integer_operands(step)
        x, y = operand_data(operands, inputs)
        if step.output.quant is None:
            return apply_bounds(x.astype(np.float32) + self.sign * y.astype(np.float32), step)
        return _sum(step, operands, x, y, self.sign)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        operands = integer_operands(step)
        form = linear_form(every_sum(step, operands, self.sign)) if step.output.quant is not None else None
        one_run = _one_run(step, operands)
        if one_run is None or (self.sign < 0 and form is None):
            return self._broadcast_call(step, operands, emitter)
        rows, size = one_run
        pointers = [
            emitter.pointer(value) if value.data is None else emitter.constant(name, _repeated(value, step))
            for name, value in zip(("augend", "addend"), operands, strict=True)
        ]
        tail = [emitter.pointer(step.output), str(rows), str(size)]
        if step.output.quant is None:
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            return Call("tk_add_f32", [*pointers, *bounds, *tail])
        if form is not None:
            low, high = output_bounds(step.output, step.attrs.get("activation"))
            fields = ", ".join(map(str, (*form.fields(), low, high)))
            return Call(
                "tk_add_linear_s8",
                [*pointers, emitter.local("tk_add_linear", "form", f"{{{fields}}}"), *tail],
            )
        return Call("tk_add_s8", [*pointers, _scales_struct(step, operands, emitter), *tail])

    def _broadcast_call(self, step: Step, operands: list[Value], emitter: Emitter) -> Call:
        pointers = [operand_pointer(v, emitter, n) for v, n in zip(operands, ("a", "b"), strict=True)]
        shape = emitter.local("tk_broadcast", "shape", f"{{{broadcast_fields(step, operands)}}}")
        if step.output.quant is not None:
            scales = _scales_struct(step, operands, emitter)
            rest = [str(self.sign), scales, emitter.pointer(step.output), shape]
            return Call("tk_add_broadcast_s8", [*pointers, *rest])
        bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
        kernel = "tk_sub_f32" if self.sign < 0 else "tk_add_broadcast_f32"
        return Call(kernel, [*pointers, *bounds, emitter.pointer(step.output), shape], "tk_binary_f32")

    def overlap(self, step: Step, index: int) -> int | None:
        return in_place(step, index)

    def cases(self) -> Iterable[Case]:
        yield from broadcast_cases(self.name, (0.05, 0.013, 0.06))
        for case in broadcast_cases(self.name, (0.75, 0.5, 1.0), (0, 0, 0)):  # halves: no linear form
            if case.step.output.dtype == "int8":
                yield Case(f"{case.id}-halves", case.step, case.inputs)
        yield from _all_pairs()


def _one_run(step: Step, operands: list[Value]) -> tuple[int, int] | None:
    """Return (rows, size) where a is whole and b the same ``size`` values for every row; constants are repeated."""
    a, b = (value if value.data is None else _filled(value, step) for value in operands)
    axes = merged_axes(step.output.shape, (a, b))
    if not axes:
        return 1, 1
    sizes, strides_a, strides_b = zip(*axes, strict=True)
    if len(axes) == 1 and (strides_a, strides_b) == ((1,), (1,)):
        return 1, sizes[0]
    if len(axes) == 1 and (strides_a, strides_b) == ((1,), (0,)):
        return sizes[0], 1
    if len(axes) == 2 and strides_a == (sizes[1], 1) and strides_b == (0, 1):
        return sizes[0], sizes[1]
    return None


def _filled(value: Value, step: Step) -> Value:
    """Return a constant broadcast along the axes behind its first long one."""
    assert value.data is not None
    first = next((i for i, size in enumerate(value.shape) if size != 1), len(value.shape))
    shape = (*value.shape[:first], *step.output.shape[first:])
    return replace(value, shape=shape, data=np.broadcast_to(value.data, shape))


def _repeated(value: Value, step: Step) -> np.ndarray:
    data = _filled(value, step).data
    assert data is not None
    return np.ascontiguousarray(data)


def _sum(step: Step, operands: list[Value], x: np.ndarray, y: np.ndarray, sign: int) -> np.ndarray:
    """Return the int8 ``x + sign * y`` of int8 arrays, which broadcast, at the step's scales."""
    scales = _scales(step, operands)
    total = np.zeros(1, np.int64)
    for data, value, (multiplier, shift), own in zip((x, y), operands, scales[:2], (1, sign), strict=True):
        centred = (data.astype(np.int64) - zero_point_of(value)) << EXTRA_BITS
        total = total + own * shift_away(multiply_high(centred, multiplier), shift)
    multiplier, shift = scales[2]
    scaled = shift_away(multiply_high(total, multiplier), shift) + zero_point_of(step.output)
    return np.clip(scaled, *output_bounds(step.output, step.attrs.get("activation"))).astype(np.int8)


def _scales_struct(step: Step, operands: list[Value], emitter: Emitter) -> str:
    zeros = [zero_point_of(value) for value in (*operands, step.output)]
    parts = [
        f"{{{zero}, {multiplier}, {shift}}}"
        for zero, (multiplier, shift) in zip(zeros, _scales(step, operands), strict=True)
    ]
    bounds = map(str, output_bounds(step.output, step.attrs.get("activation")))
    return emitter.local("tk_add_scales", "scales", f"{{{', '.join([*parts, *bounds])}}}")


def every_sum(step: Step, operands: list[Value], sign: int) -> EverySum:
    """Return the reference's results for every pair of int8 values."""
    every = np.arange(-128, 128, dtype=np.int8)
    sums = _sum(step, operands, every[:, None], every, sign).astype(np.int64)
    ratio_a, ratio_b = (scale_of(value) / scale_of(step.output) for value in operands)
    return EverySum(sums, ratio_a, sign * ratio_b, *output_bounds(step.output, step.attrs.get("activation")))


def _scales(step: Step, operands: list[Value]) -> list[tuple[int, int]]:
    """Return multiplier and right shift of a, b and the sum, relative to twice the larger input scale."""
    scales = [scale_of(value) for value in operands]
    twice_larger = 2 * max(scales)
    reals = [scale / twice_larger for scale in scales]
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
