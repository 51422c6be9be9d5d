"""A step of spiking neurons' potentials, on float32 or int16."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.constants import real
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST

RESETS = ("none", "zero", "subtract", "always")  # always: to v_reset, whatever a potential was
_FIELDS = ("decay", "gain", "offset", "threshold", "reset", "v_reset", "strict")
SPIKES = per_tensor(1.0)  # of zeros and ones in int8
_NUMBERS = ("decay", "gain", "offset", "threshold", "v_reset")


class Integrate(Operator):
    """``output = kept * decay + x * gain + offset``; ``kept`` is v, reset where it has reached the threshold.

    Inputs are x[, v[, rise]], read from ``toolkit::integrate``; see ``toolkit.program.spikes``. Without v all neurons
    begin at ``attrs["v_reset"]``. Of int16 decay and gain are fixed-point numbers that hold the scales, too, and the
    sum is rounded once, half up. x may be spikes in int8 then, each of which adds steps of the output.
    """

    name = "integrate"
    aten: ClassVar[tuple[str, ...]] = ("toolkit.integrate.default",)
    quantization = "io"
    layout = "any"
    takes_int16 = True
    potentials = True

    def read(self, node: Any, reader: Reader) -> Step:
        x, v, rise, *numbers = node.args
        inputs = [reader.value(arg) for arg in (x, v, rise) if arg is not None]
        if any(value.shape != inputs[0].shape for value in inputs):
            raise reader.unsupported("potentials of another shape than their input")
        attrs = {"strict": False, **dict(zip(_FIELDS, numbers, strict=False))}
        if inputs[1].data is not None and all(value.data is not None for value in inputs[1:]):
            first = self._first(inputs[1:], attrs, reader)
            inputs, attrs = inputs[:1], {**attrs, "reset": "always", "v_reset": first}
        if any(value.data is not None for value in inputs):
            raise reader.unsupported("constants where neurons have potentials")
        return Step(self.name, "", inputs, Value("", ()), attrs)

    def _first(self, constants: list[Value], attrs: dict[str, Any], reader: Reader) -> float:
        """Return what of constant potentials is left after their reset, one number."""
        v, *rises = (real(value).astype(np.float32) for value in constants)
        level = np.float32(attrs["threshold"]) + (rises[0] if rises else np.float32(0))
        kept = np.unique(_reset(attrs, v, level, np.float32(attrs["v_reset"])))
        if kept.size != 1:
            raise reader.unsupported("first potentials that differ")
        return float(kept[0])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        if step.output.quant is None:
            x, *kept = (data.astype(np.float32) for data in inputs)
            decay, gain, offset, threshold, v_reset = (np.float32(step.attrs[name]) for name in _NUMBERS)
            level = kept[1] + threshold if len(kept) > 1 else threshold
            moved = _reset(step.attrs, kept[0] if kept else x, level, v_reset) * decay + x * gain
            return np.asarray(moved + offset if offset else moved, np.float32)
        return _integers(step, [data.astype(np.int64) for data in inputs])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, *kept = (emitter.pointer(value) for value in step.inputs)
        v, rise = [*kept, "0", "0"][:2]
        if step.output.quant is None:
            reset = RESETS.index(step.attrs["reset"])
            numbers = [emitter.float_literal(step.attrs[name]) for name in _NUMBERS]
            fields = f"{{{', '.join([str(reset), str(int(step.attrs['strict'])), *numbers])}}}"
            kind = "f32"
        else:
            fields, kind = neuron_fields(step), "s16"
        struct = emitter.local(f"tk_neuron_{kind}", "neuron", fields)
        rest = [struct, emitter.pointer(step.output), str(step.output.size)]
        taking = "_spikes" if step.inputs[0].dtype == "int8" else ""
        return Call(f"tk_integrate{taking}_{kind}", [x, v, rise, *rest], "tk_integrate")

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if step.inputs[index].dtype == step.output.dtype else None

    def cases(self) -> Iterable[Case]:
        for kind in ("float32", "int16"):
            for shape, reset, count, offset in (
                ((1, 300), "subtract", 2, 0.0),
                ((1, 3, 5, 7), "zero", 2, 0.125),
                ((1, 33), "subtract", 3, 0.0),
                ((2, 9), "none", 2, 0.0),
                ((1, 1), "zero", 3, -0.25),
                ((1, 19), "always", 1, 0.0),
            ):
                yield _case(kind, shape, reset, count, offset=offset)
            yield _case(kind, (1, 70), "subtract", 2, decay=1.0, gain=0.01, strict=True)
        case = _case("int16", (1, 50), "subtract", 3, gain=0.4)
        x = Value("x", (1, 50), "int8", SPIKES)
        step = replace(case.step, inputs=[x, *case.step.inputs[1:]])
        spikes = (np.arange(50) % 3 == 0).astype(np.int8).reshape(1, 50)
        yield Case(f"{case.id}-spikes", step, [spikes, *case.inputs[1:]])
        yield _case("int16", (1, 40), "subtract", 3, offset=3.0, extreme=True, gain=9.0)


@dataclass(frozen=True)
class Neuron:
    """The integers of a step on int16; see ``tk_neuron_s16``."""

    decay: int
    gain: int
    offset: int
    shift: int
    threshold: int
    v_reset: int


def neuron(step: Step) -> Neuron:
    """Return a step's integers.

    Raises:
        ToolkitError: a threshold is not positive in steps of the potential, or scales are too far apart.
    """
    x, *kept = (scale_of(value) for value in step.inputs)
    out = scale_of(step.output)
    v = kept[0] if kept else out
    if len(kept) > 1 and kept[1] != v:
        raise ToolkitError("a threshold's rise has another scale than the potential", at=step.name)
    spikes = step.inputs[0].dtype == "int8"  # each adds steps of the output, to what decayed
    reals = step.attrs["decay"] * v / out, step.attrs["gain"] * x / out
    largest = abs(reals[0]) if spikes else max(map(abs, reals))
    shift = 14 if largest <= 1 else 14 - math.ceil(math.log2(largest))
    if shift < 1:
        raise ToolkitError(
            "a step moves a potential by far more than its scale holds",
            at=step.name,
            fix="calibrate with data like the real input",
        )
    decay = round(reals[0] * 2**shift)
    gain = round(min(max(reals[1], LOWEST), LARGEST) if spikes else reals[1] * 2**shift)
    offset = round(min(max(step.attrs["offset"] / out, LOWEST), LARGEST) * 2**shift)
    return Neuron(
        decay,
        gain,
        offset + (1 << (shift - 1)),
        shift,
        threshold_of(step, v) if step.attrs["reset"] in ("zero", "subtract") else 0,
        round(min(max(step.attrs["v_reset"] / v, LOWEST), LARGEST)),
    )


def neuron_fields(step: Step) -> str:
    """Return the initialiser of a ``tk_neuron_s16``."""
    n, reset = neuron(step), RESETS.index(step.attrs["reset"])
    fields = (reset, n.decay, n.gain, n.offset, n.shift, n.threshold, n.v_reset)
    return f"{{{', '.join(map(str, fields))}}}"


def threshold_of(step: Step, scale: float) -> int:
    """Return the least potential that spikes, in steps of it; one above what int16 holds is never reached.

    Raises:
        ToolkitError: it is not positive.
    """
    real_steps = min(step.attrs["threshold"] / scale, LARGEST + 1)
    steps = math.floor(real_steps) + 1 if step.attrs["strict"] else math.ceil(real_steps)
    if steps < 1:
        raise ToolkitError(
            f"a threshold of {step.attrs['threshold']} is no step above zero",
            at=step.name,
            fix="neurons in integers need a threshold above 0",
        )
    return steps


def _integers(step: Step, inputs: list[np.ndarray]) -> np.ndarray:
    x, *kept = inputs
    n = neuron(step)
    level = kept[1] + n.threshold if len(kept) > 1 else n.threshold
    attrs = {**step.attrs, "strict": False}  # the threshold is the first potential that spikes
    v = np.minimum(_reset(attrs, kept[0] if kept else x, level, n.v_reset), LARGEST)
    if step.inputs[0].dtype == "int8":
        moved = ((v * n.decay + n.offset) >> n.shift) + x * n.gain
    else:
        moved = (v * n.decay + x * n.gain + n.offset) >> n.shift
    return np.clip(moved, LOWEST, LARGEST).astype(np.int16)


def _reset(attrs: dict[str, Any], v: np.ndarray, level: Any, v_reset: Any) -> np.ndarray:
    if attrs["reset"] == "always":
        return np.full_like(v, v_reset)
    reached = v > level if attrs["strict"] else v >= level
    if attrs["reset"] == "zero":
        return np.where(reached, v_reset, v)
    if attrs["reset"] == "subtract":
        return np.where(reached, v - level, v)
    return v


def _case(
    kind: str, shape: tuple[int, ...], reset: str, count: int, *, offset: float = 0.0, decay: float = 0.875,
    gain: float = 1.25, strict: bool = False, extreme: bool = False,
) -> Case:  # fmt: skip
    scales = zip("xvr"[:count], (0.02, 0.05, 0.05), strict=False)
    values = [activation(name, shape, kind, scale) for name, scale in scales]
    attrs = {
        "decay": decay, "gain": gain, "offset": offset, "threshold": 1.0, "reset": reset, "v_reset": -0.5,
        "strict": strict,
    }  # fmt: skip
    step = Step("integrate", "neurons", values, activation("y", shape, kind, 0.05), attrs)
    data = [sample(value, index, extreme=extreme) for index, value in enumerate(values)]
    if kind == "int16" and not extreme:
        data[-1] = data[-1] // 64  # rises and potentials about as large as the threshold
    if len(data) > 1:
        data[1].flat[-1] = 1.0 if kind == "float32" else threshold_of(step, scale_of(values[1]))
    names = ("", "potential", "rise")[count - 1 : count]
    parts = (shape, reset, *names, kind, *(["extreme"] if extreme else []), decay)
    return Case(case_id(*parts), step, data)


OPERATOR = Integrate()
