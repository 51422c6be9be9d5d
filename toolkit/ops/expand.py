"""A tensor repeated along any axes: expand, repeat, tile."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.strided import strided_copy, strides_of


class Expand(Operator):
    """Repeat the input ``attrs["times"]`` times along each axis, whole axis after whole axis."""

    name = "expand"
    aten = ("aten.expand.default", "aten.expand_as.default", "aten.repeat.default", "aten.tile.default")
    quantization = "share"
    moves_data = True
    takes_int16 = True
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x, shape = real_input(node.args[0], reader), tuple(node.meta["val"].shape)
        before: list[Step] = []
        if len(x.shape) < len(shape):
            raised = Value(
                f"{x.name}_{len(shape)}d", (1,) * (len(shape) - len(x.shape)) + x.shape, x.dtype, x.quant
            )
            before = [Step("reshape", "", [x], raised)]
            x = raised
        times = tuple(size // own for size, own in zip(shape, x.shape, strict=True))
        return [*before, Step(self.name, "", [x], Value("", ()), {"times": times})]

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["times"] = tuple(step.attrs["times"][d] for d in dims)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return np.tile(inputs[0], step.attrs["times"])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        shape = step.inputs[0].shape
        axes = []
        for size, times, stride in zip(shape, step.attrs["times"], strides_of(shape), strict=True):
            axes += [(times, 0), (size, stride)]
        return strided_copy(step, 0, axes, emitter)

    def cases(self) -> Iterable[Case]:
        repeats: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
            ((1, 1, 1, 6), (1, 3, 4, 1)),
            ((1, 3, 1, 4), (2, 1, 5, 1)),
            ((2, 3), (3, 2)),
            ((1, 3, 2, 4), (1, 2, 2, 2)),
            ((1,), (7,)),
        ]
        for kind in WITH_INT16:
            for shape, times in repeats:
                x = activation("x", shape, kind)
                out = tuple(size * n for size, n in zip(shape, times, strict=True))
                step = Step("expand", "expand", [x], activation("y", out, kind), {"times": times})
                yield Case(case_id(shape, "times", times, kind), step, [sample(x, 14)])


OPERATOR = Expand()
