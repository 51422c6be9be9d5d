"""The numbers of spiking neurons: one for all of a layer, or one for each, in float32 and as integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Emitter, Reader
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST

RESETS = ("none", "zero", "subtract", "always")  # always: to v_reset, whatever a potential was
NUMBERS = ("decay", "gain", "offset", "threshold", "v_reset")

Number = float | np.ndarray  # an array has the axes of the output, where it does not repeat


def read_each(
    names: Sequence[str], args: Sequence[Any], shape: tuple[int, ...], reader: Reader
) -> dict[str, Value]:
    """Return the constants that stand in the place of numbers, by name, with the axes of neurons of ``shape``.

    Raises:
        ToolkitError: one is no constant, or does not belong to such neurons.
    """
    found = {}
    for name, arg in zip(names, args, strict=False):
        if arg is None:
            continue
        value = reader.value(arg)
        data = value.data
        if data is None or data.ndim > len(shape):
            raise reader.unsupported(f"a {name} of each neuron that is no constant")
        data = data.reshape((1,) * (len(shape) - data.ndim) + data.shape)
        if any(size not in (1, whole) for size, whole in zip(data.shape, shape, strict=True)):
            raise reader.unsupported(f"a {name} of shape {value.shape} for neurons of {shape}")
        found[name] = Value(value.name, data.shape, "float32", None, data.astype(np.float32))
    return found


def numbers(step: Step) -> dict[str, Number]:
    """Return a step's numbers by name; those that ``attrs["each"]`` names are its last inputs."""
    each = step.attrs.get("each", ())
    found: dict[str, Number] = {name: step.attrs[name] for name in NUMBERS if name in step.attrs}
    for name, value in zip(each, step.inputs[len(step.inputs) - len(each) :], strict=True):
        assert value.data is not None
        found[name] = value.data
    return found


def reset(attrs: dict[str, Any], v: np.ndarray, level: Any, v_reset: Any) -> np.ndarray:
    """Return potentials after the reset of those that have reached ``level``."""
    if attrs["reset"] == "always":
        return np.zeros_like(v) + v_reset
    reached = v > level if attrs["strict"] else v >= level
    if attrs["reset"] == "zero":
        return np.where(reached, v_reset, v)
    if attrs["reset"] == "subtract":
        return np.where(reached, v - level, v)
    return v


@dataclass(frozen=True)
class Neuron:
    """The integers of a step on int16; see ``tk_neuron_s16``. But for ``shift`` they may be arrays."""

    decay: Any
    gain: Any
    offset: Any
    shift: int
    threshold: Any
    v_reset: Any


def neuron(step: Step) -> Neuron:
    """Return a step's integers.

    Raises:
        ToolkitError: a threshold is not positive in steps of the potential, or scales are too far apart.
    """
    x, *kept = (scale_of(value) for value in step.activations)
    out = scale_of(step.output)
    v = kept[0] if kept else out
    if len(kept) > 1 and kept[1] != v:
        raise ToolkitError("a threshold's rise has another scale than the potential", at=step.name)
    spikes = step.inputs[0].dtype == "int8"  # each adds steps of the output, to what decayed
    real = {name: np.asarray(number, np.float64) for name, number in numbers(step).items()}
    decay, gain = real["decay"] * v / out, real["gain"] * x / out
    largest = float(np.abs(decay).max() if spikes else max(np.abs(decay).max(), np.abs(gain).max()))
    shift = 14 if largest <= 1 else 14 - math.ceil(math.log2(largest))
    if shift < 1:
        raise ToolkitError(
            "a step moves a potential by far more than its scale holds",
            at=step.name,
            fix="calibrate with data like the real input",
        )
    offset = _whole(_held(real["offset"] / out) * 2.0**shift)
    return Neuron(
        _whole(decay * 2.0**shift),
        _whole(_held(gain) if spikes else gain * 2.0**shift),
        offset + (1 << (shift - 1)),
        shift,
        threshold_of(step, v) if step.attrs["reset"] in ("zero", "subtract") else 0,
        _whole(_held(real["v_reset"] / v)),
    )


def threshold_of(step: Step, scale: float) -> Any:
    """Return the least potentials that spike, in steps of them; one above what int16 holds is never reached.

    Raises:
        ToolkitError: one is not positive.
    """
    threshold = np.asarray(numbers(step)["threshold"], np.float64)
    real_steps = np.minimum(threshold / scale, LARGEST + 1)
    steps = np.floor(real_steps) + 1 if step.attrs["strict"] else np.ceil(real_steps)
    if steps.min() < 1:
        raise ToolkitError(
            f"a threshold of {threshold.min()} is no step above zero",
            at=step.name,
            fix="neurons in integers need a threshold above 0",
        )
    return _whole(steps)


def period_of(step: Step) -> int:
    """Return after how many neurons the constants of a step begin again; 1 where it has none."""
    shapes = [value.shape for value in step.inputs if value.data is not None]
    used = [axis for axis in range(len(step.output.shape)) if any(shape[axis] > 1 for shape in shapes)]
    return math.prod(step.output.shape[used[0] :]) if used else 1


def each_literal(step: Step, emitter: Emitter, name: str, number: Any, dtype: type) -> str:
    """Return C's ``{values, 1}`` of a number for each neuron, or ``{value, 0}`` of one for all."""
    array: np.ndarray = np.asarray(number, dtype)
    shape = step.output.shape if array.ndim else (1,)
    array = np.broadcast_to(array, shape).reshape(-1)[: period_of(step)]
    return f"{{{emitter.constant(name, np.ascontiguousarray(array))}, {int(array.size > 1)}}}"


def _held(steps: np.ndarray) -> np.ndarray:
    return np.clip(steps, LOWEST, LARGEST)


def _whole(array: np.ndarray) -> Any:
    """Return whole numbers, one as Python's."""
    rounded = np.rint(array).astype(np.int64)
    return rounded if rounded.ndim else int(rounded)
