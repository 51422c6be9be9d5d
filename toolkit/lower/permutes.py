"""Permutes pushed down through other operators until they meet and cancel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.regroup import sink
from toolkit.ops import operators

WORTH = 4  # an operand is turned where the permutes that this moves on are so many times larger


def permuted(value: Value, dims: tuple[int, ...], name: str) -> Value:
    """Return ``value`` with its axes in the order ``dims``, under another name."""
    quant = value.quant
    if quant is not None and quant.axis is not None:
        quant = replace(quant, axis=dims.index(quant.axis % len(dims)))
    return replace(value, name=name, shape=tuple(value.shape[d] for d in dims), quant=quant)


def permute_step(source: Value, dims: tuple[int, ...], output: Value, layer: str) -> Step:
    """Return the step that permutes ``source`` by ``dims`` into ``output``."""
    return Step("permute", layer, [source], output, {"dims": dims})


def remove_permutes(model: Model) -> Model:
    """Push permutes down through other operators until they meet and cancel; drop those that move nothing."""
    changed = True
    while changed:
        changed = False
        for step in list(model.steps):
            if step in model.steps and any(rule(model, step) for rule in RULES):
                changed = True
    return model


def replace_value(model: Model, old: Value, new: Value) -> None:
    """Let all that read ``old`` read ``new``."""
    for step in model.steps:
        step.inputs = [new if value is old else value for value in step.inputs]


def is_output(model: Model, value: Value) -> bool:
    """True when ``value`` leaves the model."""
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
    drop_unread(model, before)
    return True


def _share(model: Model, step: Step) -> bool:
    """Two permutes of a value by the same order are one."""
    first = _turned(model, step.inputs[0], step.attrs["dims"]) if step.op == "permute" else None
    if first is None or first is step or is_output(model, step.output):
        return False
    replace_value(model, step.output, first.output)
    model.steps.remove(step)
    return True


def _drop_identity(model: Model, step: Step) -> bool:
    """A permute that moves nothing is its input."""
    if step.op != "permute" or step.attrs["dims"] != tuple(range(len(step.attrs["dims"]))):
        return False
    if is_output(model, step.output):
        model.outputs = [step.inputs[0] if v is step.output else v for v in model.outputs]
    replace_value(model, step.output, step.inputs[0])
    model.steps.remove(step)
    return True


def _as_reshape(model: Model, step: Step) -> bool:
    """A permute that only moves axes of size 1 is a reshape."""
    if step.op != "permute" or moves(step.inputs[0], step.attrs["dims"]) > 0:
        return False
    step.op, step.attrs = "reshape", {}
    return True


def _merge_reshapes(model: Model, step: Step) -> bool:
    """``reshape(reshape(x))`` is one reshape; a reshape to the same shape is its input."""
    if step.op != "reshape":
        return False
    if step.inputs[0].shape == step.output.shape and not is_output(model, step.output):
        replace_value(model, step.output, step.inputs[0])
        model.steps.remove(step)
        return True
    before = model.producer(step.inputs[0])
    if before is None or before.op != "reshape":
        return False
    step.inputs[0] = before.inputs[0]
    drop_unread(model, before)
    return True


def _sink(model: Model, step: Step) -> bool:
    """``op(permute(x), permute(y))`` is ``permute(op(x, y))`` where the operator can follow.

    An operand that comes as it is, is turned the other way where that costs little: one that repeats, mostly.
    """
    operator = operators().get(step.op)
    if operator is None or operator.layout not in ("any", "axes"):
        return False
    moved = [
        value for value in step.activations if value.size > 1 or len(value.shape) == len(step.output.shape)
    ]
    turns = {id(value): _turn_behind(model, value) for value in moved}
    orders = {turn.attrs["dims"] for turn in turns.values() if turn is not None}
    if len(orders) != 1:
        return False
    (dims,) = orders
    inverse = tuple(int(i) for i in np.argsort(dims))  # new axis i of the turned step is old axis inverse[i]
    if any(len(value.shape) != len(dims) for value in (*moved, step.output)):
        return False
    plain = {id(value): value for value in moved if turns[id(value)] is None}
    saved = sum(turn.output.size for turn in turns.values() if turn is not None)
    asked = [value for value in plain.values() if _turned(model, value, inverse) is None]
    if sum(moves(value, inverse) for value in asked) * WORTH > saved:
        return False
    for i, value in enumerate(step.inputs):
        turn = turns.get(id(value))
        if turn is not None:
            step.inputs[i] = turn.inputs[0]
        elif value.data is not None and value.data.ndim == len(dims):
            turned = value.data.transpose(inverse).copy()
            step.inputs[i] = replace(value, shape=turned.shape, data=turned)
    for value in plain.values():
        turned_value = permuted(value, inverse, f"{value.name}_turned")
        model.steps.insert(model.steps.index(step), permute_step(value, inverse, turned_value, step.name))
        step.inputs = [turned_value if own is value else own for own in step.inputs]
    operator.transpose(step, inverse)
    old = step.output
    step.output = permuted(old, inverse, f"{old.name}_turned")
    model.steps.insert(model.steps.index(step) + 1, permute_step(step.output, dims, old, step.name))
    for turn in turns.values():
        if turn is not None:
            drop_unread(model, turn)
    return True


def _turn_behind(model: Model, value: Value) -> Step | None:
    producer = model.producer(value)
    return producer if producer is not None and producer.op == "permute" else None


def _turned(model: Model, value: Value, dims: tuple[int, ...]) -> Step | None:
    """Return the first permute of ``value`` by ``dims``, where there is one."""
    return next((s for s in model.consumers(value) if s.op == "permute" and s.attrs["dims"] == dims), None)


def moves(value: Value, dims: tuple[int, ...]) -> int:
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
    if sunk.before is not None and not (moves(reshaped, sunk.dims) and _undone(model, out, sunk.dims)):
        return False
    made: list[Step] = []
    if sunk.before is not None:
        grouped = permuted(source, sunk.before, f"{source.name}_grouped")
        made.append(permute_step(source, sunk.before, grouped, step.name))
        source = grouped
    made.append(Step("reshape", step.name, [source], reshaped))
    made.append(permute_step(reshaped, sunk.dims, out, step.name))
    place = model.steps.index(step)
    model.steps[place : place + 1] = made
    drop_unread(model, turn)
    return True


def _undone(model: Model, value: Value, dims: tuple[int, ...]) -> bool:
    """True when all that read ``value`` permute it, and a permute by ``dims`` in front of theirs moves nothing."""
    readers = model.consumers(value)
    shape = tuple(value.shape[i] for i in np.argsort(dims))
    both = [tuple(dims[d] for d in s.attrs["dims"]) for s in readers if s.op == "permute"]
    turned = replace(value, shape=shape)
    return bool(readers) and len(both) == len(readers) and not any(moves(turned, order) for order in both)


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
    if weight.data is None or dims[0] != 0 or int(np.prod(shape[1:])) != weight.shape[1]:
        return False
    inverse = np.argsort(dims)
    columns = weight.data.reshape(-1, *shape[1:]).transpose(inverse).reshape(weight.shape)
    step.inputs[1] = replace(weight, data=np.ascontiguousarray(columns))
    new_flat = replace(flat.output, name=f"{flat.output.name}_nhwc")
    model.steps.insert(model.steps.index(step), Step("reshape", flat.name, [turn.inputs[0]], new_flat))
    step.inputs[0] = new_flat
    drop_unread(model, flat)
    drop_unread(model, turn)
    return True


def drop_unread(model: Model, step: Step) -> None:
    """Take ``step`` out when nothing reads what it makes."""
    if not model.consumers(step.output) and not is_output(model, step.output) and step in model.steps:
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
