"""Tensors joined along one axis."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.constants import real
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.broadcast import operand_data, operand_pointer
from toolkit.ops.reading import real_input
from toolkit.ops.rescale import rescale, rescale_call, same_scale
from toolkit.ops.strided import itemsize


class Concat(Operator):
    """Join inputs along ``attrs["axis"]``: a strided copy per input, rescaled where its scale differs."""

    name = "concat"
    aten: ClassVar[tuple[str, ...]] = ("aten.cat.default", "aten.concat.default", "aten.stack.default")
    quantization = "share"
    takes_int16 = True
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        values = [real_input(arg, reader) for arg in node.args[0]]
        axis = int(node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0))
        axis %= len(node.meta["val"].shape)
        steps = []
        if str(node.target) == "aten.stack.default":
            steps = [_with_axis(value, axis) for value in values]
            values = [step.output for step in steps]
        values = [value for value in values if value.size]  # torch skips empty ones
        return [*steps, Step(self.name, "", values, Value("", ()), {"axis": axis})]

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        low, high = _range(step)
        values = stored_inputs(step)
        parts = [
            data if _as_it_is(value, step.output) else rescale(data, value, step, low, high)
            for data, value in zip(operand_data(values, inputs), values, strict=True)
        ]
        return np.concatenate(parts, step.attrs["axis"])

    def emit(self, step: Step, emitter: Emitter) -> list[Call]:
        axis, out = step.attrs["axis"], step.output
        rows, stride = prod(out.shape[:axis]), prod(out.shape[axis:])
        calls, offset = [], 0
        for i, value in enumerate(stored_inputs(step)):
            shape = (rows, value.size // rows, stride)
            target = f"({emitter.pointer(out)}) + {offset}"
            if _as_it_is(value, out):
                source = operand_pointer(value, emitter, f"part_{i}")
                calls.append(Call("tk_concat", [source, target, itemsize(step), *map(str, shape)]))
            else:
                calls.append(rescale_call(value, step, *_range(step), target, shape, emitter, f"_{i}"))
            offset += shape[1]
        return calls

    def cases(self) -> Iterable[Case]:
        joins = [
            (((1, 3), (1, 5)), 1),
            (((1, 2, 3, 4), (1, 2, 3, 1), (1, 2, 3, 6)), 3),
            (((1, 2, 3), (1, 4, 3)), 1),
        ]
        joins += [
            (((2, 3), (1, 3)), 0),
            (((1, 2, 2, 5), (1, 2, 3, 5)), 2),
            (((1, 9),), 1),
            (((1, 64, 8), (1, 64, 8)), 2),
        ]
        for kind in WITH_INT16:
            for shapes, axis in joins:
                yield _case(shapes, axis, kind, scales=(0.05,))
            yield _constant_case(kind)
        yield _case(((1, 4, 40), (1, 4, 30), (1, 4, 7)), 2, "int8", scales=(0.05, 0.11, 0.003))


def _with_axis(value: Value, axis: int) -> Step:
    shape = (*value.shape[:axis], 1, *value.shape[axis:])
    return Step("reshape", "", [value], Value(f"{value.name}_row", shape, value.dtype, value.quant))


def _as_it_is(value: Value, output: Value) -> bool:
    """True when a part's numbers are the output's: what stands for reals of another scale must be brought to it.

    Integers that stand for nothing by themselves are joined as they are, and those with a scale per channel.
    """
    if value.dtype == output.dtype != "float32":
        by_channel = output.quant is not None and not output.quant.per_tensor
        return by_channel or value.quant is None or same_scale(value, output)
    return same_scale(value, output)


def stored_inputs(step: Step) -> list[Value]:
    """Return the inputs; a constant as integers of the output's scale where that has one."""
    quant = step.output.quant
    if quant is None:
        return step.inputs
    return [
        value if value.data is None or _as_it_is(value, step.output) else _integers(value, step.output)
        for value in step.inputs
    ]


def _integers(value: Value, output: Value) -> Value:
    quant = output.quant
    assert quant is not None
    scaled = np.rint(real(value).astype(np.float64) / quant.scale[0]) + quant.zero_point[0]
    data = np.clip(scaled, quant.qmin, quant.qmax).astype(output.dtype)
    return Value(value.name, value.shape, output.dtype, quant, data)


def _range(step: Step) -> tuple[int, int]:
    quant = step.output.quant
    return (quant.qmin, quant.qmax) if quant is not None else (0, 0)


def _case(shapes: tuple[tuple[int, ...], ...], axis: int, kind: str, scales: tuple[float, ...]) -> Case:
    inputs = [
        activation(f"x{i}", shape, kind, scales[i % len(scales)], 3 if len(scales) == 1 else 10 * i)
        for i, shape in enumerate(shapes)
    ]
    out = list(shapes[0])
    out[axis] = sum(shape[axis] for shape in shapes)
    step = Step("concat", "concat", inputs, activation("y", tuple(out), kind), {"axis": axis})
    name = case_id("+".join("x".join(map(str, shape)) for shape in shapes), axis, scales, kind)
    return Case(name, step, [sample(value, i) for i, value in enumerate(inputs)])


def _constant_case(kind: str) -> Case:
    x, y = activation("x", (1, 4, 6), kind), activation("y", (1, 5, 6), kind)
    token = Value("token", (1, 1, 6), data=np.linspace(-1, 9, 6, dtype=np.float32).reshape(1, 1, 6))
    return Case(
        case_id("constant", kind), Step("concat", "concat", [token, x], y, {"axis": 1}), [sample(x, 18)]
    )


OPERATOR = Concat()
