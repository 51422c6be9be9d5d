"""Entries along one axis by constant indices: index_select, gather, roll, channel shuffle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.rows import rows_of
from toolkit.ops.strided import itemsize


class Take(Operator):
    """``output[.., i, ..] = input[.., attrs["index"][i], ..]`` along ``attrs["axis"]``."""

    name = "take"
    aten = (
        "aten.index_select.default",
        "aten.index.Tensor",
        "aten.gather.default",
        "aten.roll.default",
        "aten.channel_shuffle.default",
        "aten.native_channel_shuffle.default",
    )
    quantization = "share"
    moves_data = True
    takes_int16 = True
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x = real_input(node.args[0], reader)
        match str(node.target).split(".")[1]:
            case "index_select":
                return _step(x, int(node.args[1]), _indices(node.args[2], reader))
            case "index":
                return _index(x, node, reader)
            case "gather":
                return _gather(x, node, reader)
            case "roll":
                return _roll(x, node, reader)
            case _:
                groups, channels = int(node.args[1]), x.shape[1]
                return _step(x, 1, np.arange(channels).reshape(groups, -1).T.ravel())

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return inputs[0].take(step.attrs["index"], step.attrs["axis"])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        rows, depth, inner = rows_of(step)
        index = emitter.constant("index", np.array(step.attrs["index"], np.int32))
        pointers = [emitter.pointer(step.inputs[0]), index, emitter.pointer(step.output)]
        sizes = map(str, (rows, depth, len(step.attrs["index"]), inner))
        return Call("tk_take", [*pointers, itemsize(step), *sizes])

    def cases(self) -> Iterable[Case]:
        picks: list[tuple[tuple[int, ...], int, tuple[int, ...]]] = [
            ((1, 4, 3, 6), 3, (5, 0, 0, 2)),
            ((1, 4, 3, 6), 1, (3, 1)),
            ((5,), 0, (4, 3, 2, 1, 0, 0)),
            ((2, 1, 3), 1, (0,)),
        ]
        for kind in WITH_INT16:
            for shape, axis, index in picks:
                x = activation("x", shape, kind)
                out = (*shape[:axis], len(index), *shape[axis + 1 :])
                attrs = {"axis": axis, "index": index}
                step = Step("take", "take", [x], activation("y", out, kind), attrs)
                yield Case(case_id(shape, "axis", axis, index, kind), step, [sample(x, 15)])


def _step(x: Value, axis: int, index: np.ndarray) -> Step:
    """Return the step; negative indices count from the end."""
    axis %= len(x.shape)
    wrapped = tuple(int(i) % x.shape[axis] for i in index)
    return Step("take", "", [x], Value("", ()), {"axis": axis, "index": wrapped})


def _indices(arg: Any, reader: Reader) -> np.ndarray:
    data = reader.value(arg).data
    if data is None:
        raise reader.unsupported("indices computed at run time")
    if data.dtype == bool:
        data = np.flatnonzero(data)
    return data


def _index(x: Value, node: Any, reader: Reader) -> Step:
    given = [(axis, arg) for axis, arg in enumerate(node.args[1]) if arg is not None]
    if len(given) != 1:
        raise reader.unsupported("indices along several axes")
    index = _indices(given[0][1], reader)
    if index.ndim != 1:
        raise reader.unsupported(f"indices of {index.ndim} axes")
    return _step(x, given[0][0], index)


def _gather(x: Value, node: Any, reader: Reader) -> list[Step]:
    """Return the steps of a gather: values of the flat input, in the output's shape."""
    axis, index = int(node.args[1]) % len(x.shape), _indices(node.args[2], reader)
    places: list[np.ndarray] = list(np.indices(index.shape))
    places[axis] = index % x.shape[axis]
    flat = Value(f"{x.name}_flat", (x.size,), x.dtype, x.quant)
    picked = _step(flat, 0, np.ravel_multi_index(places, x.shape).ravel())
    picked.output = Value(f"{x.name}_picked", (index.size,), x.dtype, x.quant)
    return [Step("reshape", "", [x], flat), picked, Step("reshape", "", [picked.output], Value("", ()))]


def _roll(x: Value, node: Any, reader: Reader) -> Step:
    shifts, axes = node.args[1], node.args[2] if len(node.args) > 2 else []
    if len(shifts) != 1 or len(axes) != 1:
        raise reader.unsupported("a roll along several axes, or of the flat tensor")
    size = x.shape[axes[0]]
    return _step(x, int(axes[0]), np.arange(size) - int(shifts[0]))


OPERATOR = Take()
