"""A step of spiking neurons' potentials, on float32 or int16."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.constants import real
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.neuron import (
    NUMBERS,
    RESETS,
    each_literal,
    neuron,
    numbers,
    period_of,
    read_each,
    reset,
    threshold_of,
)

_FIELDS = ("decay", "gain", "offset", "threshold", "reset", "v_reset", "strict")
SPIKES = per_tensor(1.0)  # of zeros and ones in int8
_FLOATS: dict[str, type] = dict.fromkeys(NUMBERS, np.float32)
_TYPES: dict[str, type] = {
    "decay": np.int16,
    "gain": np.int16,
    "offset": np.int32,
    "threshold": np.int32,
    "v_reset": np.int16,
}


class Integrate(Operator):
    """``output = kept * decay + x * gain + offset``; ``kept`` is v, reset where it has reached the threshold.

    Inputs are x[, v[, rise]] and a constant for each name in ``attrs["each"]``, read from ``toolkit::integrate``; see
    ``toolkit.program.spikes``. Without v all neurons begin at ``attrs["v_reset"]``. Of int16 decay and gain are
    fixed-point numbers that hold the scales, too, and the sum is rounded once, half up. x may be spikes in int8 then,
    each of which adds steps of the output.
    """

    name = "integrate"
    aten: ClassVar[tuple[str, ...]] = ("toolkit.integrate.default",)
    quantization = "io"
    layout = "any"
    takes_int16 = True
    potentials = True
    float_constants = True

    def read(self, node: Any, reader: Reader) -> Step:
        x, v, rise, *rest = node.args
        inputs = [reader.value(arg) for arg in (x, v, rise) if arg is not None]
        if any(value.shape != inputs[0].shape for value in inputs):
            raise reader.unsupported("potentials of another shape than their input")
        attrs = {"strict": False, **dict(zip(_FIELDS, rest, strict=False))}
        each = read_each(NUMBERS, rest[len(_FIELDS) :], inputs[0].shape, reader)
        if inputs[1].data is not None and all(value.data is not None for value in inputs[1:]):
            first = self._first(
                inputs[1:], {**attrs, **{name: value.data for name, value in each.items()}}, reader
            )
            inputs, attrs = inputs[:1], {**attrs, "reset": "always", "v_reset": first}
            each = {name: value for name, value in each.items() if name not in ("threshold", "v_reset")}
        if any(value.data is not None for value in inputs):
            raise reader.unsupported("constants where neurons have potentials")
        attrs |= {"each": tuple(each)} if each else {}
        return Step(self.name, "", [*inputs, *each.values()], Value("", ()), attrs)

    def _first(self, constants: list[Value], attrs: dict[str, Any], reader: Reader) -> float:
        """Return what of constant potentials is left after their reset, one number."""
        v, *rises = (real(value).astype(np.float32) for value in constants)
        level = np.float32(attrs["threshold"]) + (rises[0] if rises else np.float32(0))
        kept = np.unique(reset(attrs, v, level, np.float32(attrs["v_reset"])))
        if kept.size != 1:
            raise reader.unsupported("first potentials that differ")
        return float(kept[0])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        if step.output.quant is None:
            x, *kept = (data.astype(np.float32) for data in inputs)
            found = {name: np.asarray(number, np.float32) for name, number in numbers(step).items()}
            level = kept[1] + found["threshold"] if len(kept) > 1 else found["threshold"]
            left = reset(step.attrs, kept[0] if kept else x, level, found["v_reset"])
            moved = left * found["decay"] + x * found["gain"]
            return np.where(found["offset"] != 0, moved + found["offset"], moved).astype(np.float32)
        return _integers(step, [data.astype(np.int64) for data in inputs])

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, *kept = (emitter.pointer(value) for value in step.activations)
        v, rise = [*kept, "0", "0"][:2]
        kind = "f32" if step.output.quant is None else "s16"
        if step.attrs.get("each"):
            struct = emitter.local(f"tk_neurons_{kind}", "neurons", neurons_fields(step, emitter))
        elif kind == "f32":
            literals = [emitter.float_literal(step.attrs[name]) for name in NUMBERS]
            how = [str(RESETS.index(step.attrs["reset"])), str(int(step.attrs["strict"]))]
            struct = emitter.local("tk_neuron_f32", "neuron", f"{{{', '.join([*how, *literals])}}}")
        else:
            struct = emitter.local("tk_neuron_s16", "neuron", neuron_fields(step))
        rest = [struct, emitter.pointer(step.output), str(step.output.size)]
        taking = "_spikes" if step.inputs[0].dtype == "int8" else ""
        each = "_each" if step.attrs.get("each") else ""
        return Call(f"tk_integrate{taking}{each}_{kind}", [x, v, rise, *rest], f"tk_integrate{each}")

    def overlap(self, step: Step, index: int) -> int | None:
        same = step.inputs[index].data is None and step.inputs[index].dtype == step.output.dtype
        return 0 if same else None

    def cases(self) -> Iterable[Case]:
        for kind in ("float32", "int16"):
            for shape, how, count, offset in (
                ((1, 300), "subtract", 2, 0.0),
                ((1, 3, 5, 7), "zero", 2, 0.125),
                ((1, 33), "subtract", 3, 0.0),
                ((2, 9), "none", 2, 0.0),
                ((1, 1), "zero", 3, -0.25),
                ((1, 19), "always", 1, 0.0),
            ):
                yield _case(kind, shape, how, count, offset=offset)
            yield _case(kind, (1, 70), "subtract", 2, decay=1.0, gain=0.01, strict=True)
            for shape, how, count, own in (
                ((1, 33), "subtract", 3, dict.fromkeys(NUMBERS, (1, 33))),
                (
                    (1, 3, 4, 5),
                    "zero",
                    2,
                    {"decay": (1, 1, 1, 5), "v_reset": (1, 1, 4, 1), "offset": (1, 1, 4, 5)},
                ),
                ((1, 9), "subtract", 2, {"threshold": (1, 9)}),
                ((1, 8), "always", 1, {"gain": (1, 8)}),
            ):
                yield _each_case(_case(kind, shape, how, count), own)
        case = _case("int16", (1, 50), "subtract", 3, gain=0.4)
        yield _spikes_case(case)
        yield _spikes_case(_each_case(case, {"decay": (1, 50), "gain": (1, 50)}))
        yield _case("int16", (1, 40), "subtract", 3, offset=3.0, extreme=True, gain=9.0)


def neuron_fields(step: Step) -> str:
    """Return the initialiser of a ``tk_neuron_s16``."""
    n = neuron(step)
    fields = (RESETS.index(step.attrs["reset"]), n.decay, n.gain, n.offset, n.shift, n.threshold, n.v_reset)
    return f"{{{', '.join(map(str, fields))}}}"


def neurons_fields(step: Step, emitter: Emitter) -> str:
    """Return the initialiser of a ``tk_neurons_f32`` or ``tk_neurons_s16``."""
    first, found, types = int(step.attrs["strict"]), numbers(step), _FLOATS
    if step.output.quant is not None:
        integers = neuron(step)
        first, found, types = integers.shift, {name: getattr(integers, name) for name in NUMBERS}, _TYPES
    each = [each_literal(step, emitter, name, found[name], types[name]) for name in NUMBERS]
    return f"{{{RESETS.index(step.attrs['reset'])}, {first}, {period_of(step)}, {', '.join(each)}}}"


def _integers(step: Step, inputs: list[np.ndarray]) -> np.ndarray:
    x, *kept = inputs
    n = neuron(step)
    level = kept[1] + n.threshold if len(kept) > 1 else n.threshold
    attrs = {**step.attrs, "strict": False}  # the threshold is the first potential that spikes
    v = np.minimum(reset(attrs, kept[0] if kept else x, level, n.v_reset), LARGEST)
    if step.inputs[0].dtype == "int8":
        moved = ((v * n.decay + n.offset) >> n.shift) + x * n.gain
    else:
        moved = (v * n.decay + x * n.gain + n.offset) >> n.shift
    return np.clip(moved, LOWEST, LARGEST).astype(np.int16)


def _spikes_case(case: Case) -> Case:
    """Return the case with spikes coming in."""
    x = Value("x", case.step.output.shape, "int8", SPIKES)
    step = replace(case.step, inputs=[x, *case.step.inputs[1:]])
    spikes = (np.arange(x.size) % 3 == 0).astype(np.int8).reshape(x.shape)
    return Case(f"{case.id}-spikes", step, [spikes, *case.inputs[1:]])


def _each_case(case: Case, own: Mapping[str, tuple[int, ...]]) -> Case:
    """Return the case with numbers for each neuron, or what of them does not repeat, of the shapes of ``own``."""
    constants, rng = [], np.random.default_rng(len(case.id))
    for name, shape in own.items():
        data = ((case.step.attrs[name] or 0.5) * rng.uniform(0.3, 1.0, shape)).astype(np.float32)
        constants.append(Value(name, shape, "float32", None, data))
    attrs = {**case.step.attrs, "each": tuple(own)}
    step = replace(case.step, inputs=[*case.step.inputs, *constants], attrs=attrs)
    return Case(f"{case.id}-each-{'-'.join(own)}", step, case.inputs)


def _case(
    kind: str, shape: tuple[int, ...], how: str, count: int, *, offset: float = 0.0, decay: float = 0.875,
    gain: float = 1.25, strict: bool = False, extreme: bool = False,
) -> Case:  # fmt: skip
    scales = zip("xvr"[:count], (0.02, 0.05, 0.05), strict=False)
    values = [activation(name, shape, kind, scale) for name, scale in scales]
    attrs = {
        "decay": decay, "gain": gain, "offset": offset, "threshold": 1.0, "reset": how, "v_reset": -0.5,
        "strict": strict,
    }  # fmt: skip
    step = Step("integrate", "neurons", values, activation("y", shape, kind, 0.05), attrs)
    data = [sample(value, index, extreme=extreme) for index, value in enumerate(values)]
    if kind == "int16" and not extreme:
        data[-1] = data[-1] // 64  # rises and potentials about as large as the threshold
    if len(data) > 1:
        data[1].flat[-1] = 1.0 if kind == "float32" else threshold_of(step, scale_of(values[1]))
    names = ("", "potential", "rise")[count - 1 : count]
    parts = (shape, how, *names, kind, *(["extreme"] if extreme else []), decay)
    return Case(case_id(*parts), step, data)


OPERATOR = Integrate()
