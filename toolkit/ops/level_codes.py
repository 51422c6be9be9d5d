"""Which of four levels of a derivative each value is at, in 2 bits each."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import normal

PER_BYTE = 4
EDGES = (-0.7, 0.1, 0.8)  # of cases
CASES: tuple[tuple[tuple[int, ...], int], ...] = (
    ((1, 300), 1),
    ((1, 5, 7, 12), 3),
    ((1, 6, 5, 3), 1),
    ((2, 3, 7), 2),
    ((9, 2), 0),
    ((1,), 0),
)  # shape, axis


class LevelCodes(Operator):
    """A code is how many of three ``attrs["edges"]`` a value is above; a byte holds four along ``attrs["axis"]``.

    Read from ``toolkit::level_codes``; see ``toolkit.program.levels``.
    """

    name = "level_codes"
    aten = ("toolkit.level_codes.default",)
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        x, (edges, axis) = reader.value(node.args[0]), node.args[1:]
        if x.data is not None or x.dtype != "float32":
            raise reader.unsupported("of other than float32 values of the run")
        return Step(self.name, "", [x], Value("", ()), {"edges": tuple(edges), "axis": axis})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        edges, axis = np.array(step.attrs["edges"], np.float32), step.attrs["axis"]
        codes = (inputs[0][..., None] > edges).sum(-1).astype(np.uint8)
        packed = np.zeros(step.output.shape, np.uint8)
        for n in range(PER_BYTE):
            part = codes[(*[slice(None)] * axis, slice(n, None, PER_BYTE))]
            packed[(*[slice(None)] * axis, slice(part.shape[axis]))] |= part << np.uint8(2 * n)
        return packed.view(np.int8)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        edges = [emitter.float_literal(edge) for edge in step.attrs["edges"]]
        return Call("tk_level_codes_f32", [x, *edges, y, *sizes(step.inputs[0], step.attrs["axis"])])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0  # a byte is written once the values it stands for were read, and lies before all later ones

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def cases(self) -> Iterable[Case]:
        for shape, axis in CASES:
            x = Value("x", shape)
            data = normal(x)
            data.flat[: len(EDGES)] = EDGES[: data.size]
            if data.size > len(EDGES):
                data.flat[-1] = np.nan
            step = Step(self.name, "codes", [x], packed("y", shape, axis), {"edges": EDGES, "axis": axis})
            yield Case(case_id(shape, axis), step, [data])


def packed(name: str, shape: tuple[int, ...], axis: int) -> Value:
    """Return the value that holds the codes of one of ``shape``."""
    return Value(name, (*shape[:axis], -(-shape[axis] // PER_BYTE), *shape[axis + 1 :]), "int8")


def sizes(value: Value, axis: int) -> list[str]:
    """Return how many values lie outside, along and inside ``axis``, as C literals."""
    shape = value.shape
    return [str(n) for n in (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))]


OPERATOR = LevelCodes()
