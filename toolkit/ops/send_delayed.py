"""What synapses with delays have on its way: a ring of sums that is added to where each spike will arrive."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader


class SendDelayed(Operator):
    """``output[(position + delay[i, o]) mod steps, o] += input[i] * weight[i, o]``; the row of now moves to the end.

    Read from ``toolkit::send_delayed(pending, input, weight, delays, position)``; see ``toolkit.program.delayed``.
    """

    name = "send_delayed"
    aten = ("toolkit.send_delayed.default",)

    def read(self, node: Any, reader: Reader) -> Step:
        pending, x, weight, delays, position = (reader.value(arg) for arg in node.args)
        if any(value.data is not None for value in (pending, x, position)):
            raise reader.unsupported("constant operands")
        if any(value.dtype != "float32" or value.quant is not None for value in (pending, x, weight)):
            raise reader.unsupported("numbers other than float32")
        if weight.data is None or delays.data is None or delays.dtype != "uint8":
            raise reader.unsupported("weights or delays that are no constants, or delays other than uint8")
        steps = pending.shape[0] - 1
        if weight.shape != delays.shape or (x.size, pending.shape[1]) != weight.shape or position.size != 1:
            raise reader.unsupported("shapes that do not match")
        if steps < 1 or int(delays.data.max(initial=0)) >= steps:
            raise reader.unsupported(f"a delay of {int(delays.data.max())} steps in a ring of {steps}")
        return Step(self.name, "", [pending, x, weight, delays, position], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        pending, x, position = inputs
        weight, delays = step.inputs[2].data, step.inputs[3].data
        assert weight is not None
        assert delays is not None
        steps = len(pending) - 1
        at = int(position.reshape(())) % steps
        out, places = pending.copy(), np.arange(pending.shape[1])
        for i in np.flatnonzero(x):
            out[(delays[i].astype(np.int64) + at) % steps, places] += x.reshape(-1)[i] * weight[i]
        out[steps] = out[at]
        out[at] = 0
        return out

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pending, x, weight, delays, position = step.inputs
        assert weight.data is not None
        assert delays.data is not None
        constants = [emitter.constant("weight", weight.data), emitter.constant("delays", delays.data)]
        pointers = [emitter.pointer(pending), emitter.pointer(x), *constants, emitter.pointer(position)]
        sizes = [str(pending.shape[0] - 1), *map(str, weight.shape)]
        return Call("tk_send_delayed_f32", [*pointers, emitter.pointer(step.output), *sizes])

    def macs(self, step: Step) -> int:
        return step.inputs[2].size

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == 0 else None

    def cases(self) -> Iterable[Case]:
        for steps, inputs, outputs, at in ((1, 3, 4, 0), (5, 7, 3, 4), (16, 33, 10, -3), (255, 2, 1, 300)):
            rng = np.random.default_rng([steps, inputs, outputs])
            pending, x = (
                activation(*named, "float32") for named in (("p", (steps + 1, outputs)), ("x", (1, inputs)))
            )
            weight = Value("w", (inputs, outputs), data=rng.normal(size=(inputs, outputs)).astype(np.float32))
            delays = rng.integers(0, steps, (inputs, outputs)).astype(np.uint8)
            values = [
                pending,
                x,
                weight,
                Value("d", delays.shape, "uint8", data=delays),
                Value("i", (1,), "int32"),
            ]
            step = Step("send_delayed", "send_delayed", values, activation("y", pending.shape, "float32"))
            spikes = sample(x, 1) * rng.integers(0, 2, x.shape).astype(np.float32)
            data = [sample(pending), spikes, np.array([at], np.int32)]
            yield Case(case_id(steps, inputs, outputs), step, data)


OPERATOR = SendDelayed()
