"""A step of weights that are kept in int8, rounded up as often as the fraction says: see ``stochastic_round``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.learn import philox
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Reader
from toolkit.ops.drawn import CASES, Drawn, as_the_device, draw_number, drawn_attrs
from toolkit.ops.stochastic_round import round_within


class StochasticStep(Drawn):
    """``output = clamp(floor(weight - change + r), *attrs["range"])`` in int8; inputs: change, draw, weight (int8).

    Read from ``toolkit::stochastic_step(weight, change, draw, seed, stream, low, high)``: ``toolkit.program.noise``.
    """

    name = "stochastic_step"
    aten = ("toolkit.stochastic_step.default",)

    def read(self, node: Any, reader: Reader) -> Step:
        weight, change, draw = (reader.value(arg) for arg in node.args[:3])
        seed, stream, low, high = node.args[3:]
        step = self.read_drawn(change, draw, [], (seed, stream), reader)
        if weight.data is not None or weight.dtype != "int8" or weight.shape != change.shape:
            raise reader.unsupported("other than int8 weights of the run, and a change for each")
        if not -128 <= low < high <= 127:
            raise reader.unsupported(f"the range {low}..{high}, which int8 does not hold")
        step.attrs["range"] = (low, high)
        step.inputs.append(weight)
        return step

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        low, high = (np.float32(bound) for bound in step.attrs["range"])
        drawn = philox.uniforms(step.attrs["key"], draw_number(inputs[1]), inputs[0].size)
        moved = inputs[2].astype(np.float32) - inputs[0]
        return round_within(moved + as_the_device(drawn, step), low, high)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        change, draw, weight = (emitter.pointer(value) for value in step.inputs)
        bounds = [str(bound) for bound in step.attrs["range"]]
        arguments = [weight, change, draw, *self.key_arguments(step), *bounds, emitter.pointer(step.output)]
        return Call("tk_stochastic_step_s8", [*arguments, self.axes_argument(step, emitter)])

    def overlap(self, step: Step, index: int) -> int | None:
        return super().overlap(step, 0) if index == 2 else None

    def in_place(self, step: Step, index: int) -> bool:
        return index == 2

    def cases(self) -> Iterable[Case]:
        for number, (shape, order) in enumerate(CASES):
            x, weight = activation("x", shape, "float32"), Value("weight", shape, "int8")
            data = sample(x, 6) * 3
            data.flat[0] = np.nan
            low, high = (-127, 127) if number else (-1, 1)
            stored = np.random.default_rng(number).integers(low, high + 1, shape).astype(np.int8)
            attrs = drawn_attrs(order, range=(low, high))
            inputs = [x, Value("draw", (1,), "int32"), weight]
            step = Step("stochastic_step", "step", inputs, Value("y", shape, "int8"), attrs)
            yield Case(case_id(shape, order), step, [data, np.array([number - 2], np.int32), stored])


OPERATOR = StochasticStep()
