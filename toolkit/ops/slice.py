"""A part of a tensor along any axes: slices with steps, one index, pieces of a split, reversed axes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.strided import strided_copy, strides_of

SEVERAL_OUTPUTS = {
    "aten.split.Tensor",
    "aten.split.sizes",
    "aten.split_with_sizes.default",
    "aten.chunk.default",
    "aten.unbind.int",
    "aten.tensor_split.sections",
}


class Slice(Operator):
    """Per axis, ``attrs["count"]`` values from ``attrs["start"]`` on, ``attrs["step"]`` apart (below 0: backwards).

    The output's shape may lack axes of one value.
    """

    name = "slice"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.slice.Tensor",
        "aten.select.int",
        "aten.narrow.default",
        "aten.flip.default",
    )
    quantization = "share"
    moves_data = True
    half_operands = 1
    of_halves = "picked"
    takes_int16 = True
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x = real_input(node.args[0], reader)
        name = str(node.target).split(".")[1]
        if name == "flip":
            axes = {int(axis) % len(x.shape) for axis in node.args[1]}
            pieces = {axis: (x.shape[axis] - 1, x.shape[axis], -1) for axis in axes}
        else:
            pieces = dict([_piece(name, node, x)])
        return _step(x, pieces, dropped=name == "select")

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        for name in ("start", "count", "step"):
            step.attrs[name] = tuple(step.attrs[name][d] for d in dims)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        out = inputs[0]
        for axis, (start, count, by) in enumerate(_pieces(step)):
            out = out.take(start + by * np.arange(count), axis)
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        strides, pieces = strides_of(step.inputs[0].shape), _pieces(step)
        first = sum(start * stride for (start, _, _), stride in zip(pieces, strides, strict=True))
        axes = [(count, by * stride) for (_, count, by), stride in zip(pieces, strides, strict=True)]
        return strided_copy(step, first, axes, emitter)

    def cases(self) -> Iterable[Case]:
        parts: list[tuple[tuple[int, ...], dict[int, tuple[int, int, int]]]] = [
            ((1, 5, 4, 6), {3: (2, 3, 1)}),
            ((1, 5, 4, 6), {1: (1, 2, 2), 2: (0, 2, 1)}),
            ((1, 5, 4, 6), {1: (4, 5, -1), 3: (5, 3, -2)}),
            ((7, 9), {0: (3, 1, 1)}),
            ((300,), {0: (1, 299, 1)}),
            ((2, 3, 2, 3, 2, 3), dict.fromkeys((1, 3, 5), (0, 2, 1))),
        ]
        for kind in WITH_INT16:
            for shape, pieces in parts:
                x = activation("x", shape, kind)
                step = _step(x, pieces)[-1]
                step.name, step.output = "slice", activation("y", step.attrs["count"], kind)
                yield Case(case_id(shape, *pieces.values(), kind), step, [sample(x, 12)])


def part_of(x: Value, node: Any, index: int) -> list[Step]:
    """Return the step that takes output ``index`` of an aten node with ``SEVERAL_OUTPUTS``."""
    shapes = [tuple(meta.shape) for meta in node.meta["val"]]
    name = str(node.target)
    place = 2 if len(node.args) > 2 else None
    if name == "aten.unbind.int":
        place = 1 if len(node.args) > 1 else None
    axis = int(node.args[place] if place is not None else node.kwargs.get("dim", 0)) % len(x.shape)
    if name == "aten.unbind.int":
        return _step(x, {axis: (index, 1, 1)}, dropped=True)
    return _step(x, {axis: (sum(shape[axis] for shape in shapes[:index]), shapes[index][axis], 1)})


def _step(x: Value, pieces: dict[int, tuple[int, int, int]], dropped: bool = False) -> list[Step]:
    """Return the slice, followed by the reshape that drops its axis where the reader wants that."""
    each = [pieces.get(axis, (0, size, 1)) for axis, size in enumerate(x.shape)]
    attrs = dict(zip(("start", "count", "step"), zip(*each, strict=True), strict=True))
    step = Step("slice", "", [x], Value("", ()), attrs)
    if not dropped:
        return [step]
    step.output = Value(f"{x.name}_part", attrs["count"], x.dtype, x.quant)
    return [step, Step("reshape", "", [step.output], Value("", ()))]


def _piece(name: str, node: Any, x: Value) -> tuple[int, tuple[int, int, int]]:
    """Return the axis, and the start, count and step along it, of a node that takes from one axis."""
    names = {
        "slice": ("dim", "start", "end", "step"),
        "select": ("dim", "index"),
        "narrow": ("dim", "start", "length"),
    }
    args = {**dict(zip(names[name], node.args[1:], strict=False)), **node.kwargs}
    axis = int(args.get("dim", 0)) % len(x.shape)
    size = x.shape[axis]
    if name == "select":
        return axis, (int(args["index"]) % size, 1, 1)
    if name == "narrow":
        return axis, (int(args["start"]) % size if args["start"] else 0, int(args["length"]), 1)
    start, stop, by = slice(args.get("start"), args.get("end"), args.get("step", 1)).indices(size)
    return axis, (start, len(range(start, stop, by)), by)


def _pieces(step: Step) -> list[tuple[int, int, int]]:
    """Return (start, count, step) per axis."""
    return list(zip(*(step.attrs[name] for name in ("start", "count", "step")), strict=True))


OPERATOR = Slice()
