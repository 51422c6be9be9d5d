"""Axes in another order, copied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.strided import KERNEL_AXES, merged, strided_copy, strides_of


class Permute(Operator):
    """Output axis i is input axis ``attrs["dims"][i]``; at most six that move apart."""

    name = "permute"
    aten: ClassVar[tuple[str, ...]] = ("aten.permute.default", "aten.transpose.int", "aten.t.default")
    quantization = "share"
    moves_data = True
    half_operands = 1
    of_halves = "picked"
    takes_int16 = True

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
        if len(merged(_axes(x.shape, dims))) > KERNEL_AXES:
            raise reader.unsupported(f"axes {dims} of {x.shape}: more than {KERNEL_AXES} move apart")
        return Step(self.name, "", [x], Value("", ()), {"dims": tuple(dims)})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return np.ascontiguousarray(inputs[0].transpose(step.attrs["dims"]))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return strided_copy(step, 0, _axes(step.inputs[0].shape, step.attrs["dims"]), emitter)

    def cases(self) -> Iterable[Case]:
        orders = [
            ((3, 5), (1, 0)),
            ((2, 3, 4), (2, 0, 1)),
            ((1, 3, 4, 5), (0, 2, 3, 1)),
            ((2, 3, 4, 5), (3, 1, 0, 2)),
        ]
        orders += [((1, 6), (1, 0)), ((2, 3, 2, 3, 2), (2, 3, 4, 0, 1))]
        orders += [((2, 3, 2, 3, 2), (4, 2, 3, 0, 1)), ((2, 3, 1, 2, 3, 2, 2), (6, 0, 4, 2, 3, 1, 5))]
        for kind in WITH_INT16:
            for shape, dims in orders:
                x = activation("x", shape, kind)
                y = activation("y", tuple(shape[d] for d in dims), kind)
                step = Step("permute", "permute", [x], y, {"dims": dims})
                yield Case(case_id(shape, "to", dims, kind), step, [sample(x, 7)])


def _axes(shape: tuple[int, ...], dims: Sequence[int]) -> list[tuple[int, int]]:
    """Return (size, input stride) per output axis."""
    strides = strides_of(shape)
    return [(shape[d], strides[d]) for d in dims]


OPERATOR = Permute()
