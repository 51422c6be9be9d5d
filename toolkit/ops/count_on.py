"""The places of the elements that follow one another in a sequence, from the first one's."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator


class CountOn(Operator):
    """``output[i] = (input + attrs["by"] * (i // attrs["each"])) mod attrs["modulus"]``, int32, as ``increment``.

    Made by ``toolkit.lower.block``.
    """

    name = "count_on"
    integer_output = True

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        by, each, modulus = (step.attrs[name] for name in ("by", "each", "modulus"))
        steps = np.arange(step.output.size, dtype=np.int64) // each * by
        places = (inputs[0].reshape(()).astype(np.int64) + steps).astype(np.int32)
        return places % np.int32(modulus) if modulus else places

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        numbers = [str(step.attrs[name]) for name in ("by", "each", "modulus")]
        return Call("tk_count_on", [x, *numbers, y, str(step.output.size)])

    def cases(self) -> Iterable[Case]:
        for by, each, modulus, first, size in ((1, 1, 0, 7, 5), (1, 2, 24, 22, 8), (3, 1, 7, -2, 4)):
            step = counted_on(Value("x", (1,), "int32"), "count_on", by, modulus, size, each)
            yield Case(f"{by}-{each}-{modulus}-{size}", step, [np.array([first], np.int32)])


def counted_on(x: Value, name: str, by: int, modulus: int, size: int, each: int = 1) -> Step:
    """Return the step that counts ``size`` places on from ``x``, ``each`` of them equal."""
    output = Value(f"{name}_places", (size,), "int32")
    return Step("count_on", name, [x], output, {"by": by, "each": each, "modulus": modulus})


OPERATOR = CountOn()
