"""What a model keeps from one run to the next: recurrent states, caches, windows of a stream, weights that learn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.kernels import Kernel, kernels
from toolkit.lower.ir import Model, Quantization, State, Step, Value
from toolkit.lower.learning import answering
from toolkit.lower.permutes import permuted
from toolkit.lower.rescale import rescale_between_quantizations
from toolkit.ops import operators
from toolkit.ops.base import Operator

Views = dict[int, Value]  # what lies in another value's memory, by id, and that value


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
    views = _views(model)
    _keep_old_content(model, views)
    for state in model.states:
        chain = _chain(model, state, views)
        if chain:
            state.between = chain[:-1]
        else:
            memory = replace(state.before, name=f"{state.name}_next")
            _copy(model, state.name, state.after, memory)
            state.after = memory
    return model


def _keep_old_content(model: Model, views: Views) -> None:
    """Copy what goes on to be read as it was before the run: given out, or left in another state."""
    olds = [state.before for state in model.states]
    for i, value in enumerate(model.outputs):
        if _root(views, value) in olds:
            model.outputs[i] = replace(value, name=f"{value.name}_given")
            _copy(model, value.name, value, model.outputs[i])
    for state in model.states:
        if _root(views, state.after) in olds:
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
        turned = permuted(state.after, dims, f"{state.name}_turned")
        _append(model, state, Step("permute", state.name, [state.after], turned, {"dims": dims}))


def _requantize(model: Model, state: State) -> None:
    before, after = state.before, state.after
    if after.quant is None and after.dtype == before.dtype:
        after.quant = before.quant  # integers that a step made of reals, and only the next run reads
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


def _chain(model: Model, state: State, views: Views) -> list[Value]:
    """Return what may lie in the state's memory one after the other, the new content last; nothing if that may not.

    Each is made by the last step that reads the one before it, in place. The new content may also be written over what
    nothing reads any more. What logits are made of stays apart: a model that learns may answer without learning.
    """
    after, before = state.after, state.before
    maker = model.producer(after)
    if maker is None or operators()[maker.op].code_free or after.dtype != before.dtype:
        return []
    answer = {id(step.output) for step in answering(model)} if model.learns else set()
    others = [other.after for other in model.states if other is not state]
    if id(after) in answer or any(other is after for other in others):
        return []
    taken = [_root(views, value) for value in (*model.outputs, *others)]
    chain = [before]
    while chain[-1] is not after:
        following = _made_in_place(model, chain[-1], views)
        if following is None or following.dtype != before.dtype or following.size != before.size:
            break
        if following is not after and (id(following) in answer or any(following is value for value in taken)):
            break
        chain.append(following)
    if chain[-1] is after:
        return chain[1:]
    place = model.steps.index(maker)
    while chain and any(i >= place for i in _readers(model, chain[-1], views)):
        chain.pop()
    return [*chain[1:], after] if chain else []


def _made_in_place(model: Model, value: Value, views: Views) -> Value | None:
    """Return what the last reader of ``value`` makes, if it may write it over ``value``."""
    readers = _readers(model, value, views)
    if not readers:
        return None
    step = model.steps[readers[-1]]
    own = [read for read in step.activations if _root(views, read) is value]
    return step.output if len(own) == 1 and _in_place(step, own[0]) else None


def _readers(model: Model, value: Value, views: Views) -> list[int]:
    """Return the places of the steps that read ``value``, or a view of it, in order."""
    return [
        i
        for i, step in enumerate(model.steps)
        if not operators()[step.op].code_free and any(_root(views, v) is value for v in step.activations)
    ]


def _views(model: Model) -> Views:
    views: Views = {}
    for step in model.steps:
        if operators()[step.op].code_free:
            views[id(step.output)] = _root(views, step.inputs[0])
    return views


def _root(views: Views, value: Value) -> Value:
    """Return the value in whose memory ``value`` lies: itself unless it is a view."""
    return views.get(id(value), value)


def _in_place(step: Step, value: Value) -> bool:
    """True when every kernel of ``step`` may write its output over ``value``."""
    able: list[Kernel | Operator] = [operators()[step.op]]
    able += [kernel for kernel in kernels().values() if kernel.op == step.op and kernel.takes(step)]
    places = [i for i, own in enumerate(step.inputs) if own is value]
    return len(places) == 1 and all(maker.in_place(step, places[0]) for maker in able)


def _copy(model: Model, name: str, source: Value, target: Value) -> None:
    shape = source.shape
    whole = {"start": (0,) * len(shape), "count": shape, "step": (1,) * len(shape)}
    model.steps.append(Step("slice", name, [source], target, whole))
