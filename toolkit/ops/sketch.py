"""A random sketch of a matrix: fewer rows, each the sum of some of the matrix's rows with random signs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.learn import philox
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Reader
from toolkit.ops.drawn import Drawn, draw_number


class Sketch(Drawn):
    """``output[r] = sum of sign[i] * input[i]`` for ``i = r, r + rows, ...``; the last axis is the rows' values.

    Signs are those of ``toolkit.learn.philox``. An image's rows are its pixels. Read from
    ``toolkit::sketch(input, draw, rows, seed, stream)``; see ``toolkit.program.noise``.
    """

    name = "sketch"
    aten = ("toolkit.sketch.default",)
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step:
        x, draw = (reader.value(arg) for arg in node.args[:2])
        step = self.read_drawn(x, draw, [], tuple(node.args[3:]), reader)
        del step.attrs["order"]
        return step

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x = inputs[0].reshape(-1, inputs[0].shape[-1])
        rows = step.output.size // x.shape[1]
        signs = philox.signs(step.attrs["key"], draw_number(inputs[1]), len(x))
        signed = x * signs[:, None]
        out = signed[:rows].copy()
        for first in range(rows, len(x), rows):
            part = signed[first : first + rows]
            out[: len(part)] += part
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, draw = (emitter.pointer(value) for value in step.inputs)
        depth = step.output.shape[-1]
        shape = [str(size) for size in (step.inputs[0].size // depth, step.output.size // depth, depth)]
        return Call(
            "tk_sketch_f32", [x, draw, *self.key_arguments(step), emitter.pointer(step.output), *shape]
        )

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == 0 else None  # a row is written once it was read

    def in_place(self, step: Step, index: int) -> bool:
        return False  # the output is smaller

    def cases(self) -> Iterable[Case]:
        for number, (shape, rows) in enumerate(
            (((70, 5), 16), ((1, 5, 7, 6), 9), ((1, 8, 4, 16), 8), ((33, 1), 32), ((3, 40), 1), ((4, 3), 3))
        ):
            x = activation("x", shape, "float32")
            y = Value("y", (rows, shape[1]) if len(shape) == 2 else (1, rows, 1, shape[3]))
            attrs = {"key": (number, 2**32 - 1 - number)}
            step = Step("sketch", "sketch", [x, Value("draw", (1,), "int32")], y, attrs)
            yield Case(case_id(shape, rows), step, [sample(x, 4), np.array([number - 1], np.int32)])


OPERATOR = Sketch()
