"""A whole number counted on: positions in a sequence, runs so far."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator


class Increment(Operator):
    """``output = input + attrs["by"]``, int32, wrapping around. Made by ``add`` of whole numbers."""

    name = "increment"
    integer_output = True
    layout = "any"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return (inputs[0].astype(np.int64) + step.attrs["by"]).astype(np.int32)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_increment", [x, str(step.attrs["by"]), y, str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for by, values in ((1, [0]), (-3, [7, -2147483647, 5]), (2147483647, [1, -1])):
            x, y = (Value(name, (len(values),), "int32") for name in "xy")
            step = Step("increment", "increment", [x], y, {"by": by})
            yield Case(f"{by}-{len(values)}", step, [np.array(values, np.int32)])


OPERATOR = Increment()
