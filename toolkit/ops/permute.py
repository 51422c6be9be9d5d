"""Axes in another order, copied."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops import strided
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input

KERNEL_AXES = 4


class Permute(Operator):
    """Output axis i is input axis ``attrs["dims"][i]``; at most six that move apart."""

    name = "permute"
    aten: ClassVar[tuple[str, ...]] = ("aten.permute.default", "aten.transpose.int", "aten.t.default")
    quantization = "share"
    moves_data = True

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        rank = len(x.shape)
        dims = list(range(rank))
        if str(node.target) == "aten.permute.default":
            dims = [int(d) % rank for d in node.args[1]]
        elif str(node.target) == "aten.t.default":
            dims.reverse()
        else:
            a, b = (int(d) % rank for d in node.args[1:3])
            dims[a], dims[b] = dims[b], dims[a]
        if len(_merged(x.shape, tuple(dims))) > strided.KERNEL_AXES:
            raise reader.unsupported(f"axes {dims} of {x.shape}: more than {strided.KERNEL_AXES} move apart")
        return Step(self.name, "", [x], Value("", ()), {"dims": tuple(dims)})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(inputs[0].transpose(step.attrs["dims"]))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        axes = _merged(step.inputs[0].shape, step.attrs["dims"])
        if len(axes) > KERNEL_AXES:
            return strided.strided_copy(step, 0, axes, emitter)
        axes = [(1, 0)] * (KERNEL_AXES - len(axes)) + axes
        kernel = "tk_permute_s8" if step.output.dtype == "int8" else "tk_permute_f32"
        pointers = [emitter.pointer(step.inputs[0]), emitter.pointer(step.output)]
        return Call(
            kernel, [*pointers, *(str(size) for size, _ in axes), *(str(stride) for _, stride in axes)]
        )

    def cases(self) -> Iterable[Case]:
        orders = [
            ((3, 5), (1, 0)),
            ((2, 3, 4), (2, 0, 1)),
            ((1, 3, 4, 5), (0, 2, 3, 1)),
            ((2, 3, 4, 5), (3, 1, 0, 2)),
        ]
        orders += [((1, 6), (1, 0)), ((2, 3, 2, 3, 2), (2, 3, 4, 0, 1))]
        orders += [((2, 3, 2, 3, 2), (4, 2, 3, 0, 1)), ((2, 3, 1, 2, 3, 2, 2), (6, 0, 4, 2, 3, 1, 5))]
        for kind in KINDS:
            for shape, dims in orders:
                x = activation("x", shape, kind)
                y = activation("y", tuple(shape[d] for d in dims), kind)
                step = Step("permute", "permute", [x], y, {"dims": dims})
                yield Case(case_id(shape, "to", dims, kind), step, [sample(x, 7)])


def _merged(shape: tuple[int, ...], dims: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return (size, input stride) per output axis, without axes of size 1, neighbours in the input merged."""
    strides = [int(np.prod(shape[axis + 1 :])) for axis in range(len(shape))]
    axes: list[tuple[int, int]] = []
    for size, stride in ((shape[d], strides[d]) for d in dims if shape[d] != 1):
        if axes and axes[-1][1] == size * stride:
            axes[-1] = (axes[-1][0] * size, stride)
        else:
            axes.append((size, stride))
    return axes


OPERATOR = Permute()
