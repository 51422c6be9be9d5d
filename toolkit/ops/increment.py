"""A whole number counted on: positions in a sequence, runs so far."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader


class Increment(Operator):
    """``output = (input + attrs["by"]) mod attrs["modulus"]``, int32; without a modulus, 0, it wraps around.

    The remainder has the modulus' sign, as Python's. ``add`` of whole numbers makes such steps, too.
    """

    name = "increment"
    aten = ("aten.remainder.Scalar",)
    integer_output = True
    layout = "any"

    def read(self, node: Any, reader: Reader) -> Step:
        x, modulus = reader.value(node.args[0]), node.args[1]
        if x.dtype != "int32" or not isinstance(modulus, int) or not 0 < modulus < 2**31:
            raise reader.unsupported("other than the remainder of whole numbers by a positive one")
        return counted(x, 0, modulus)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        sums = (inputs[0].astype(np.int64) + step.attrs["by"]).astype(np.int32)
        return sums % np.int32(step.attrs["modulus"]) if step.attrs["modulus"] else sums

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        numbers = [str(step.attrs[name]) for name in ("by", "modulus")]
        return Call("tk_increment", [x, *numbers, y, str(step.output.size)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for by, modulus, values in (
            (1, 0, [0]),
            (-3, 0, [7, -2147483647, 5]),
            (2147483647, 0, [1, -1]),
            (1, 16, [15, 3, -40]),
            (0, 7, [6, 7, -7, -1]),
        ):
            step = counted(Value("x", (len(values),), "int32"), by, modulus)
            step.name, step.output = "increment", Value("y", (len(values),), "int32")
            yield Case(f"{by}-{modulus}-{len(values)}", step, [np.array(values, np.int32)])


def counted(x: Value, by: int, modulus: int = 0) -> Step:
    """Return the step that counts ``x`` on."""
    return Step("increment", "", [x], Value("", ()), {"by": by, "modulus": modulus})


OPERATOR = Increment()
