"""float32 to int8, rounded up as often as the fraction says: steps smaller than a half are not lost on average.

S. Gupta et al., "Deep Learning with Limited Numerical Precision", 2015, section 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.learn import philox
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Reader
from toolkit.ops.drawn import CASES, Drawn, as_the_device, draw_number, drawn_attrs


class StochasticRound(Drawn):
    """``output = clamp(floor(input + r), *attrs["range"])`` in int8, r of ``toolkit.learn.philox``, 0 up to 1.

    Read from ``toolkit::stochastic_round(input, draw, seed, stream, low, high)``; see ``toolkit.program.noise``.
    """

    name = "stochastic_round"
    aten = ("toolkit.stochastic_round.default",)
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        x, draw = (reader.value(arg) for arg in node.args[:2])
        seed, stream, low, high = node.args[2:]
        step = self.read_drawn(x, draw, [], (seed, stream), reader)
        if not -128 <= low < high <= 127:
            raise reader.unsupported(f"the range {low}..{high}, which int8 does not hold")
        step.attrs["range"] = (low, high)
        return step

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        low, high = (np.float32(bound) for bound in step.attrs["range"])
        drawn = philox.uniforms(step.attrs["key"], draw_number(inputs[1]), inputs[0].size)
        return round_within(inputs[0] + as_the_device(drawn, step), low, high)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, draw = (emitter.pointer(value) for value in step.inputs)
        bounds = [str(bound) for bound in step.attrs["range"]]
        arguments = [x, draw, *self.key_arguments(step), *bounds, emitter.pointer(step.output)]
        return Call("tk_stochastic_round_f32", [*arguments, self.axes_argument(step, emitter)])

    def cases(self) -> Iterable[Case]:
        for number, (shape, order) in enumerate(CASES):
            x, y = activation("x", shape, "float32"), Value("y", shape, "int8")
            data = sample(x, 6) * 30
            data.flat[0] = np.nan
            attrs = drawn_attrs(order, range=(-127, 127) if number else (-1, 1))
            step = Step("stochastic_round", "round", [x, Value("draw", (1,), "int32")], y, attrs)
            yield Case(case_id(shape, order), step, [data, np.array([number - 2], np.int32)])


def round_within(x: np.ndarray, low: np.float32, high: np.float32) -> np.ndarray:
    """Return the whole numbers below, within the bounds, in int8; NaN becomes ``low``."""
    return np.floor(np.where(x > low, np.minimum(x, high), low)).astype(np.int8)


OPERATOR = StochasticRound()
