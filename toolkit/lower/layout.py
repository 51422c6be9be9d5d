"""Passes that lay activations out channels-last (NHWC) and get rid of the permutes this takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.regroup import sink
from toolkit.ops import operators

TO_LAST = (0, 2, 3, 1)  # NHWC axis i is NCHW axis TO_LAST[i]
TO_FIRST = (0, 3, 1, 2)
WORTH = 4  # an operand is turned where the permutes that this moves on are so many times larger


def _permuted(value: Value, dims: tuple[int, ...], name: str) -> Value:
    return replace(value, name=name, shape=tuple(value.shape[d] for d in dims))


def _permute_step(source: Value, dims: tuple[int, ...], output: Value, layer: str) -> Step:
    return Step("permute", layer, [source], output, {"dims": dims})


def as_images(model: Model) -> Model:
    """Give what works channels last along one axis an image of height 1 to work on."""
    steps: list[Step] = []
    for step in model.steps:
        flat = step.output
        if operators()[step.op].layout != "channels_last" or len(flat.shape) != 3:
            steps.append(step)
            continue
        for i, value in enumerate(step.inputs):
            if value.data is None and len(value.shape) == 3:
                step.inputs[i] = _with_height(value)
                steps.append(Step("reshape", step.name, [value], step.inputs[i]))
        step.output = _with_height(flat)
        steps += [step, Step("reshape", step.name, [step.output], flat)]
    model.steps = steps
    return model


def _with_height(value: Value) -> Value:
    batch, channels, length = value.shape
    return replace(value, name=f"{value.name}_image", shape=(batch, channels, 1, length))


def channels_last(model: Model) -> Model:
    """Wrap every operator that wants NHWC in permutes, and turn its constants."""
    steps: list[Step] = []
    for step in model.steps:
        operator = operators()[step.op]
        if operator.layout != "channels_last":
            steps.append(step)
            continue
        for i, value in enumerate(step.inputs):
            if value.data is None and len(value.shape) == 4:
                turned = _permuted(value, TO_LAST, f"{value.name}_nhwc")
                steps.append(_permute_step(value, TO_LAST, turned, step.name))
                step.inputs[i] = turned
        operator.to_channels_last(step)
        steps.append(step)
        if len(step.output.shape) == 4:
            first = step.output
            step.output = _permuted(first, TO_LAST, f"{first.name}_nhwc")
            steps.append(_permute_step(step.output, TO_FIRST, first, step.name))
    model.steps = steps
    return model


def remove_permutes(model: Model) -> Model:
    """Push permutes down through other operators until they meet and cancel; drop those that move nothing."""
    changed = True
    while changed:
        changed = False
        for step in list(model.steps):
            if step in model.steps and any(rule(model, step) for rule in RULES):
                changed = True
    return model


def _replace_value(model: Model, old: Value, new: Value) -> None:
    for step in model.steps:
        step.inputs = [new if value is old else value for value in step.inputs]


def _is_output(model: Model, value: Value) -> bool:
    return any(value is out for out in model.outputs)


def _compose(model: Model, step: Step) -> bool:
    """``permute(permute(x))`` is one permute."""
    if step.op != "permute":
        return False
    before = model.producer(step.inputs[0])
    if before is None or before.op != "permute":
        return False
    step.attrs["dims"] = tuple(before.attrs["dims"][d] for d in step.attrs["dims"])
    step.inputs[0] = before.inputs[0]
    _drop_unread(model, before)
    return True


def _share(model: Model, step: Step) -> bool:
    """Two permutes of a value by the same order are one."""
    first = _turned(model, step.inputs[0], step.attrs["dims"]) if step.op == "permute" else None
    if first is None or first is step or _is_output(model, step.output):
        return False
    _replace_value(model, step.output, first.output)
    model.steps.remove(step)
    return True


def _drop_identity(model: Model, step: Step) -> bool:
    """A permute that moves nothing is its input."""
    if step.op != "permute" or step.attrs["dims"] != tuple(range(len(step.attrs["dims"]))):
        return False
    if _is_output(model, step.output):
        model.outputs = [step.inputs[0] if v is step.output else v for v in model.outputs]
    _replace_value(model, step.output, step.inputs[0])
    model.steps.remove(step)
    return True


def _as_reshape(model: Model, step: Step) -> bool:
    """A permute that only moves axes of size 1 is a reshape."""
    if step.op != "permute" or _cost(step.inputs[0], step.attrs["dims"]) > 0:
        return False
    step.op, step.attrs = "reshape", {}
    return True


def _merge_reshapes(model: Model, step: Step) -> bool:
    """``reshape(reshape(x))`` is one reshape; a reshape to the same shape is its input."""
    if step.op != "reshape":
        return False
    if step.inputs[0].shape == step.output.shape and not _is_output(model, step.output):
        _replace_value(model, step.output, step.inputs[0])
        model.steps.remove(step)
        return True
    before = model.producer(step.inputs[0])
    if before is None or before.op != "reshape":
        return False
    step.inputs[0] = before.inputs[0]
    _drop_unread(model, before)
    return True


def _sink(model: Model, step: Step) -> bool:
    """``op(permute(x), permute(y))`` is ``permute(op(x, y))`` where the operator can follow.

    An operand that comes as it is, is turned the other way where that costs little: one that repeats, mostly.
    """
    operator = operators().get(step.op)
    if operator is None or operator.layout not in ("any", "axes"):
        return False
    turns = {id(value): _turn_behind(model, value) for value in step.activations}
    orders = {turn.attrs["dims"] for turn in turns.values() if turn is not None}
    if len(orders) != 1:
        return False
    (dims,) = orders
    inverse = tuple(int(i) for i in np.argsort(dims))  # new axis i of the turned step is old axis inverse[i]
    if any(len(value.shape) != len(dims) for value in (*step.activations, step.output)):
        return False
    plain = {id(value): value for value in step.activations if turns[id(value)] is None}
    saved = sum(turn.output.size for turn in turns.values() if turn is not None)
    asked = [value for value in plain.values() if _turned(model, value, inverse) is None]
    if sum(_cost(value, inverse) for value in asked) * WORTH > saved:
        return False
    for i, value in enumerate(step.inputs):
        turn = turns.get(id(value))
        if turn is not None:
            step.inputs[i] = turn.inputs[0]
        elif value.data is not None and value.data.ndim == len(dims):
            turned = value.data.transpose(inverse).copy()
            step.inputs[i] = replace(value, shape=turned.shape, data=turned)
    for value in plain.values():
        turned_value = _permuted(value, inverse, f"{value.name}_turned")
        model.steps.insert(model.steps.index(step), _permute_step(value, inverse, turned_value, step.name))
        step.inputs = [turned_value if own is value else own for own in step.inputs]
    operator.transpose(step, inverse)
    old = step.output
    step.output = _permuted(old, inverse, f"{old.name}_turned")
    model.steps.insert(model.steps.index(step) + 1, _permute_step(step.output, dims, old, step.name))
    for turn in turns.values():
        if turn is not None:
            _drop_unread(model, turn)
    return True


def _turn_behind(model: Model, value: Value) -> Step | None:
    producer = model.producer(value)
    return producer if producer is not None and producer.op == "permute" else None


def _turned(model: Model, value: Value, dims: tuple[int, ...]) -> Step | None:
    """Return the first permute of ``value`` by ``dims``, where there is one."""
    return next((s for s in model.consumers(value) if s.op == "permute" and s.attrs["dims"] == dims), None)


def _cost(value: Value, dims: tuple[int, ...]) -> int:
    """Return how many values a permute moves: none where only axes of size 1 change places."""
    moved = [d for d in dims if value.shape[d] != 1]
    return 0 if moved == sorted(moved) else value.size


def _sink_below_reshape(model: Model, step: Step) -> bool:
    """A reshape of a permute is a permute of a reshape, where the axes it joins lie together in the source too.

    Where they do not, the source is permuted first, if in return what reads the reshape need not be permuted.
    """
    turn = _turn_behind(model, step.inputs[0]) if step.op == "reshape" else None
    if turn is None:
        return False
    source, out = turn.inputs[0], step.output
    sunk = sink(source.shape, turn.attrs["dims"], out.shape)
    reshaped = replace(out, name=f"{out.name}_turned", shape=sunk.shape, quant=source.quant)
    if sunk.before is not None and not (_cost(reshaped, sunk.dims) and _undone(model, out, sunk.dims)):
        return False
    made: list[Step] = []
    if sunk.before is not None:
        grouped = _permuted(source, sunk.before, f"{source.name}_grouped")
        made.append(_permute_step(source, sunk.before, grouped, step.name))
        source = grouped
    made.append(Step("reshape", step.name, [source], reshaped))
    made.append(_permute_step(reshaped, sunk.dims, out, step.name))
    place = model.steps.index(step)
    model.steps[place : place + 1] = made
    _drop_unread(model, turn)
    return True


def _undone(model: Model, value: Value, dims: tuple[int, ...]) -> bool:
    """True when all that read ``value`` permute it, and a permute by ``dims`` in front of theirs moves nothing."""
    readers = model.consumers(value)
    shape = tuple(value.shape[i] for i in np.argsort(dims))
    both = [tuple(dims[d] for d in s.attrs["dims"]) for s in readers if s.op == "permute"]
    turned = replace(value, shape=shape)
    return bool(readers) and len(both) == len(readers) and not any(_cost(turned, order) for order in both)


def _into_fully_connected(model: Model, step: Step) -> bool:
    """``fully_connected(reshape(permute(x)))`` reads x directly, with its weight's columns reordered."""
    if step.op != "fully_connected":
        return False
    flat = model.producer(step.inputs[0])
    turn = model.producer(flat.inputs[0]) if flat is not None and flat.op == "reshape" else None
    if flat is None or turn is None or turn.op != "permute":
        return False
    dims, shape = turn.attrs["dims"], turn.output.shape
    weight = step.inputs[1]
    if dims[0] != 0 or int(np.prod(shape[1:])) != weight.shape[1]:
        return False
    inverse = np.argsort(dims)
    assert weight.data is not None
    columns = weight.data.reshape(-1, *shape[1:]).transpose(inverse).reshape(weight.shape)
    step.inputs[1] = replace(weight, data=np.ascontiguousarray(columns))
    new_flat = replace(flat.output, name=f"{flat.output.name}_nhwc")
    model.steps.insert(model.steps.index(step), Step("reshape", flat.name, [turn.inputs[0]], new_flat))
    step.inputs[0] = new_flat
    _drop_unread(model, flat)
    _drop_unread(model, turn)
    return True


def _drop_unread(model: Model, step: Step) -> None:
    if not model.consumers(step.output) and not _is_output(model, step.output) and step in model.steps:
        model.steps.remove(step)


RULES = (
    _compose,
    _share,
    _drop_identity,
    _as_reshape,
    _merge_reshapes,
    _sink_below_reshape,
    _sink,
    _into_fully_connected,
)


def _lift_above_reshapes(model: Model) -> None:
    """Permute a model's input before axes of size 1 come or go, so that the caller can do it."""
    for turn in [step for step in model.steps if step.op == "permute"]:
        flat = model.producer(turn.inputs[0])
        if flat is None or flat.op != "reshape" or not any(flat.inputs[0] is value for value in model.inputs):
            continue
        source, shape = flat.inputs[0], flat.output.shape
        if [n for n in source.shape if n != 1] != [n for n in shape if n != 1]:
            continue
        ones = [axis for axis, size in enumerate(source.shape) if size == 1]
        long = [axis for axis, size in enumerate(source.shape) if size != 1]
        ranks = np.argsort(np.argsort([d for d in turn.attrs["dims"] if shape[d] != 1]))
        dims = (*ones, *(long[i] for i in ranks))
        turned = _permuted(source, dims, f"{source.name}_turned")
        place = model.steps.index(turn)
        model.steps[place : place + 1] = [
            _permute_step(source, dims, turned, turn.name),
            Step("reshape", turn.name, [turned], turn.output),
        ]
        _drop_unread(model, flat)


def layout_at_boundary(model: Model) -> Model:
    """Let the model take and give channels-last tensors where its inputs and outputs would be permuted."""
    _lift_above_reshapes(model)
    model.input_permutes = [None] * len(model.inputs)
    model.output_permutes = [None] * len(model.outputs)
    for i, value in enumerate(model.inputs):
        readers = model.consumers(value)
        dims = [s.attrs["dims"] if s.op == "permute" else None for s in readers]
        if not readers or dims[0] is None or any(d != dims[0] for d in dims) or _is_output(model, value):
            continue
        turned = replace(readers[0].output, name=value.name)
        for reader in readers:
            _replace_value(model, reader.output, turned)
            model.outputs = [turned if v is reader.output else v for v in model.outputs]
            model.steps.remove(reader)
        model.inputs[i] = turned
        model.input_permutes[i] = dims[0]
    for i, value in enumerate(model.outputs):
        producer, once = model.producer(value), sum(value is output for output in model.outputs) == 1
        if producer is not None and producer.op == "permute" and once and not model.consumers(value):
            model.outputs[i] = producer.inputs[0]
            model.output_permutes[i] = tuple(int(d) for d in np.argsort(producer.attrs["dims"]))
            model.steps.remove(producer)
    return model
