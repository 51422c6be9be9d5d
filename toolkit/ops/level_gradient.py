"""The gradient of a function whose derivative has four levels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import normal
from toolkit.ops.level_codes import CASES, PER_BYTE, packed, sizes

LEVELS = (0.0, -0.1, 1.1, 1.0)  # of cases


class LevelGradient(Operator):
    """``output = gradient * levels[code]``: inputs are the gradient and what ``level_codes`` made, of the same axis.

    Read from ``toolkit::level_gradient``; see ``toolkit.program.levels``.
    """

    name = "level_gradient"
    aten = ("toolkit.level_gradient.default",)
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        gradient, codes = (reader.value(arg) for arg in node.args[:2])
        levels, axis = node.args[2:]
        if gradient.dtype != "float32" or gradient.data is not None or codes.data is not None:
            raise reader.unsupported("of other than float32 values of the run")
        return Step(self.name, "", [gradient, codes], Value("", ()), {"levels": tuple(levels), "axis": axis})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        axis, size = step.attrs["axis"], step.output.shape[step.attrs["axis"]]
        bits = np.repeat(inputs[1].view(np.uint8), PER_BYTE, axis)
        shifts = np.arange(bits.shape[axis], dtype=np.uint8) % PER_BYTE * 2
        codes = bits >> shifts.reshape([-1 if place == axis else 1 for place in range(bits.ndim)]) & 3
        levels = np.array(step.attrs["levels"], np.float32)
        return inputs[0] * levels[codes[(*[slice(None)] * axis, slice(size))]]

    def emit(self, step: Step, emitter: Emitter) -> Call:
        gradient, codes, y = (emitter.pointer(value) for value in (*step.inputs, step.output))
        levels = emitter.constant("levels", np.array(step.attrs["levels"], np.float32))
        shape = sizes(step.output, step.attrs["axis"])
        return Call("tk_level_gradient_f32", [gradient, codes, levels, y, *shape])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == 0 else None

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def cases(self) -> Iterable[Case]:
        for shape, axis in CASES:
            gradient, codes = Value("gradient", shape), packed("codes", shape, axis)
            bits = np.random.default_rng(shape).integers(-128, 128, codes.shape).astype(np.int8)
            attrs = {"levels": LEVELS, "axis": axis}
            step = Step(self.name, "gradient", [gradient, codes], Value("y", shape), attrs)
            yield Case(case_id(shape, axis), step, [normal(gradient), bits])


OPERATOR = LevelGradient()
