"""What a model keeps from one run to the next: recurrent states, caches, windows of a stream, weights that learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.kernels import Kernel, kernels
from toolkit.lower.ir import Model, Quantization, State, Step, Value
from toolkit.lower.rescale import rescale_between_quantizations
from toolkit.ops import operators
from toolkit.ops.base import Operator


def settle_states(model: Model) -> Model:
    """Take the states out of the user's inputs and outputs, and let each run leave them as the next one reads them.

    What is left lies in the state's own memory when that is safe, else a step copies it there at the end.
    """
    count = len(model.states)
    if not count:
        return model
    ends = zip(model.inputs[-count:], model.outputs[-count:], strict=True)
    orders = zip(model.input_permutes[-count:], model.output_permutes[-count:], strict=True)
    for state, (before, after), (read, left) in zip(model.states, ends, orders, strict=True):
        state.before, state.after = before, after
        state.initial = _stored(state.initial, before, read)
        _reorder(model, state, read, left)
        _requantize(model, state)
    model = rescale_between_quantizations(model)  # looks at outputs: the states' are still among them
    for state, after in zip(model.states, model.outputs[-count:], strict=True):
        state.after = after
    del (
        model.inputs[-count:],
        model.outputs[-count:],
        model.input_permutes[-count:],
        model.output_permutes[-count:],
    )
    _keep_old_content(model)
    for state in model.states:
        if not _may_lie_in(model, state):
            memory = replace(state.before, name=f"{state.name}_next")
            _copy(model, state.name, state.after, memory)
            state.after = memory
    return model


def _keep_old_content(model: Model) -> None:
    """Copy what goes on to be read as it was before the run: given out, or left in another state."""
    olds = [state.before for state in model.states]
    for i, value in enumerate(model.outputs):
        if _root(model, value) in olds:
            model.outputs[i] = replace(value, name=f"{value.name}_given")
            _copy(model, value.name, value, model.outputs[i])
    for state in model.states:
        if _root(model, state.after) in olds:
            kept = replace(state.after, name=f"{state.name}_kept")
            _copy(model, state.name, state.after, kept)
            state.after = kept


def _stored(initial: np.ndarray, value: Value, order: tuple[int, ...] | None) -> np.ndarray:
    """Return a buffer's first content as the device holds it."""
    data = initial if order is None else initial.transpose(order)
    quant = value.quant
    if quant is not None and data.dtype.kind == "f":
        scaled = np.rint(data.astype(np.float64) / quant.scale[0]) + quant.zero_point[0]
        data = np.clip(scaled, quant.qmin, quant.qmax)
    return np.ascontiguousarray(data.astype(value.dtype))


def _append(model: Model, state: State, step: Step) -> None:
    """Let ``step`` make the state's new content of what made it so far."""
    model.steps.append(step)
    place = len(model.outputs) - len(model.states) + model.states.index(state)
    model.outputs[place] = state.after = step.output


def _reorder(model: Model, state: State, read: tuple[int, ...] | None, left: tuple[int, ...] | None) -> None:
    axes = tuple(range(len(state.before.shape)))
    read, left = read or axes, left or axes
    if read != left:
        dims = tuple(int(np.argsort(left)[axis]) for axis in read)
        turned = replace(state.after, name=f"{state.name}_turned", shape=state.before.shape)
        _append(model, state, Step("permute", state.name, [state.after], turned, {"dims": dims}))


def _requantize(model: Model, state: State) -> None:
    before, after = state.before, state.after
    if _same(before.quant, after.quant):
        return
    if after.quant is not None:
        real = Value(f"{state.name}_real", after.shape)
        _append(model, state, Step("dequantize", state.name, [after], real))
    if before.quant is not None:
        stored = Value(f"{state.name}_stored", before.shape, before.dtype, before.quant)
        _append(model, state, Step("quantize", state.name, [state.after], stored))


def _same(one: Quantization | None, other: Quantization | None) -> bool:
    return other is None if one is None else one.same_as(other)


def _may_lie_in(model: Model, state: State) -> bool:
    """True when the step that makes the new content may write it over the old one."""
    after = state.after
    maker = model.producer(after)
    if maker is None or operators()[maker.op].code_free:
        return False
    if sum(other.after is after for other in model.states) > 1 or after.dtype != state.before.dtype:
        return False
    place = model.steps.index(maker)
    old = state.before
    readers = [
        i for i, step in enumerate(model.steps) if any(_root(model, v) is old for v in step.activations)
    ]
    if any(i > place for i in readers):
        return False
    return place not in readers or _in_place(maker, old)


def _root(model: Model, value: Value) -> Value:
    """Return the value in whose memory ``value`` lies: itself unless it is a view."""
    while (maker := model.producer(value)) is not None and operators()[maker.op].code_free:
        value = maker.inputs[0]
    return value


def _in_place(step: Step, value: Value) -> bool:
    """True when every kernel of ``step`` may write its output over ``value``."""
    able: list[Kernel | Operator] = [operators()[step.op]]
    able += [kernel for kernel in kernels().values() if kernel.op == step.op and kernel.takes(step)]
    places = [i for i, own in enumerate(step.inputs) if own is value]
    return len(places) == 1 and all(maker.overlap(step, places[0]) == 0 for maker in able)


def _copy(model: Model, name: str, source: Value, target: Value) -> None:
    shape = source.shape
    whole = {"start": (0,) * len(shape), "count": shape, "step": (1,) * len(shape)}
    model.steps.append(Step("slice", name, [source], target, whole))
