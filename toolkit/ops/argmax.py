"""The index of the largest value along one axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.rows import rows_of


class Argmax(Operator):
    """``output = argmax(input)`` along ``attrs["axis"]``, as int32; the first of equals wins."""

    name = "argmax"
    aten = ("aten.argmax.default",)
    layout = "axes"
    integer_output = True

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
        if axis is None:
            long = [i for i, size in enumerate(x.shape) if size != 1]
            if len(long) > 1:
                raise reader.unsupported(f"all of {x.shape}: flatten it first, or name an axis")
            axis = long[0] if long else 0
        if not x.shape:
            raise reader.unsupported("a single number")
        return Step(self.name, "", [x], Value("", ()), {"axis": int(axis) % len(x.shape)})

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return inputs[0].argmax(step.attrs["axis"]).astype(np.int32).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [emitter.pointer(step.inputs[0]), emitter.pointer(step.output)]
        return Call.typed("tk_argmax", step.inputs[0], [*pointers, *(str(n) for n in rows_of(step))])

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, axis in (((1, 10), 1), ((5, 300), 1), ((1, 1), 1), ((2, 7, 3), 1), ((4,), 0)):
                yield _case(shape, axis, kind, sample(activation("x", shape, kind), 9))
            ties = np.array([[1, 5, 5, 0], [-3, -3, -3, -3], [-128, -128, -128, -127]], kind)
            yield _case(ties.shape, 1, kind, ties)


def _case(shape: tuple[int, ...], axis: int, kind: str, data: np.ndarray) -> Case:
    x = activation("x", shape, kind)
    out = tuple(size for i, size in enumerate(shape) if i != axis)
    step = Step("argmax", "argmax", [x], Value("y", out, "int32"), {"axis": axis})
    return Case(case_id(shape, axis, kind, *(["ties"] if shape == (3, 4) else [])), step, [data])


OPERATOR = Argmax()
