"""Passes that lay activations out channels-last (NHWC) and get rid of the permutes this takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Model, Step, Value
from toolkit.ops import operators

TO_LAST = (0, 2, 3, 1)  # NHWC axis i is NCHW axis TO_LAST[i]
TO_FIRST = (0, 3, 1, 2)


def _permuted(value: Value, dims: tuple[int, ...], name: str) -> Value:
    return replace(value, name=name, shape=tuple(value.shape[d] for d in dims))


def _permute_step(source: Value, dims: tuple[int, ...], output: Value, layer: str) -> Step:
    return Step("permute", layer, [source], output, {"dims": dims})


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
    if step.op != "permute":
        return False
    shape = step.inputs[0].shape
    moved = [d for d in step.attrs["dims"] if shape[d] != 1]
    if moved != sorted(moved):
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
    """``op(permute(x), permute(y))`` is ``permute(op(x, y))`` where the operator can follow."""
    operator = operators().get(step.op)
    if operator is None or operator.layout not in ("any", "axes"):
        return False
    producers = [model.producer(value) for value in step.activations]
    if not producers or any(p is None or p.op != "permute" for p in producers):
        return False
    dims = producers[0].attrs["dims"]  # type: ignore[union-attr]
    if any(p.attrs["dims"] != dims for p in producers):  # type: ignore[union-attr]
        return False
    inverse = tuple(int(i) for i in np.argsort(dims))  # new axis i of the turned step is old axis inverse[i]
    if len(step.output.shape) != len(dims):
        return False
    by_value = {id(p.output): p.inputs[0] for p in producers if p is not None}
    for i, value in enumerate(step.inputs):
        if id(value) in by_value:
            step.inputs[i] = by_value[id(value)]
        elif value.data is not None and value.data.ndim == len(dims):
            step.inputs[i] = replace(
                value, shape=tuple(value.shape[d] for d in inverse), data=value.data.transpose(inverse).copy()
            )
    operator.transpose(step, inverse)
    old = step.output
    step.output = _permuted(old, inverse, f"{old.name}_turned")
    model.steps.insert(model.steps.index(step) + 1, _permute_step(step.output, dims, old, step.name))
    for producer in producers:
        if producer is not None:
            _drop_unread(model, producer)
    return True


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


RULES = (_compose, _drop_identity, _as_reshape, _merge_reshapes, _sink, _into_fully_connected)


def layout_at_boundary(model: Model) -> Model:
    """Let the model take and give channels-last tensors where its inputs and outputs would be permuted."""
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
        producer = model.producer(value)
        if producer is not None and producer.op == "permute" and not model.consumers(value):
            model.outputs[i] = producer.inputs[0]
            model.output_permutes[i] = tuple(int(d) for d in np.argsort(producer.attrs["dims"]))
            model.steps.remove(producer)
    return model
