"""What synapses with delays have on its way: a ring of sums that is added to where each spike will arrive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.integrate import SPIKES


class SendDelayed(Operator):
    """``output[(position + delay[i, o]) mod steps, o] += input[i] * weight[i, o]``; the row of now moves to the end.

    Of spikes and int8 weights, sums are int16 at the weights' scale, exact. Read from ``toolkit::send_delayed(pending,
    input, weight, delays, position)``; see ``toolkit.program.delayed``.
    """

    name = "send_delayed"
    aten: ClassVar[tuple[str, ...]] = ("toolkit.send_delayed.default",)
    quantization = "io"
    takes_int16 = True
    potentials = True

    def read(self, node: Any, reader: Reader) -> Step:
        pending, x, weight, delays, position = (reader.value(arg) for arg in node.args)
        if any(value.data is not None for value in (pending, x, position)):
            raise reader.unsupported("constant operands")
        if any(value.dtype != "float32" for value in (pending, x)):
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
        if step.output.quant is not None:
            _check_sums(step)
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
        if step.output.quant is not None:
            _check_sums(step)
        arguments = [*pointers, emitter.pointer(step.output), *sizes]
        return Call.typed("tk_send_delayed", step.output, arguments)

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
            yield _integer_case(step, data)


def adds_exactly(step: Step, sources: list[Value | None]) -> bool:
    """True when spikes of a quantized step add int8 weights to sums in steps of those weights."""
    pending, x, weight = sources[0], sources[1], step.inputs[2]
    return (
        pending is not None
        and x is not None
        and pending.dtype == "int16"
        and SPIKES.same_as(x.quant)
        and weight.quant is not None
        and weight.quant.per_tensor
        and bool(np.isclose(scale_of(pending), scale_of(weight), rtol=1e-6))
    )


def _check_sums(step: Step) -> None:
    """Raise ``ToolkitError`` where an output's weights could sum up to more than int16 holds."""
    weight = step.inputs[2].data
    assert weight is not None
    ends = (np.maximum(weight, 0).sum(0, dtype=np.int64), np.minimum(weight, 0).sum(0, dtype=np.int64))
    if ends[0].max() > LARGEST or ends[1].min() < LOWEST:
        raise ToolkitError(
            "the weights of an output could sum up to more than 16 bits hold",
            at=step.name,
            fix="use fewer inputs, or leave this network in float32 (method float)",
        )


def _integer_case(step: Step, data: list[np.ndarray]) -> Case:
    pending, x, weight, *rest = step.inputs
    assert weight.data is not None
    quant = per_tensor(0.02, 0, LOWEST, LARGEST)
    integers = np.clip(np.rint(weight.data * 40), -127, 127).astype(np.int8)
    inputs = [
        replace(pending, dtype="int16", quant=quant),
        replace(x, dtype="int8", quant=SPIKES),
        replace(weight, dtype="int8", quant=per_tensor(0.02, 0, -127, 127), data=integers),
        *rest,
    ]
    output = replace(step.output, dtype="int16", quant=quant)
    sums, spikes = (data[0] * 400).astype(np.int16), (data[1] != 0).astype(np.int8)
    name = f"{case_id(*weight.shape)}-int16"
    return Case(name, replace(step, inputs=inputs, output=output), [sums, spikes, *data[2:]])


OPERATOR = SendDelayed()
