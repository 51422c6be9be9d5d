"""Passes that lay activations out channels-last (NHWC)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.permutes import drop_unread, is_output, moves, permute_step, permuted, replace_value
from toolkit.ops import operators

TO_LAST = (0, 2, 3, 1)  # NHWC axis i is NCHW axis TO_LAST[i]
TO_FIRST = (0, 3, 1, 2)


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
                turned = permuted(value, TO_LAST, f"{value.name}_nhwc")
                steps.append(permute_step(value, TO_LAST, turned, step.name))
                step.inputs[i] = turned
        operator.to_channels_last(step)
        steps.append(step)
        if len(step.output.shape) == 4:
            first = step.output
            step.output = permuted(first, TO_LAST, f"{first.name}_nhwc")
            steps.append(permute_step(step.output, TO_FIRST, first, step.name))
    model.steps = steps
    return model


def turn_states(model: Model) -> Model:
    """Keep states channels last that meet, element by element, tensors which are: a layer's weights, and what an
    optimizer keeps of their gradients. The permutes behind them then meet those of the layers, and cancel.
    """
    if not model.states:
        return model
    group = _by_element(model)
    turned = {group[id(s.inputs[0])] for s in model.steps if s.op == "permute" and s.attrs["dims"] == TO_LAST}
    turned |= {group[id(s.output)] for s in model.steps if s.op == "permute" and s.attrs["dims"] == TO_FIRST}
    model.input_permutes = [None] * len(model.inputs)
    for i in range(len(model.inputs) - len(model.states), len(model.inputs)):
        value = model.inputs[i]
        if len(value.shape) != 4 or moves(value, TO_LAST) == 0 or is_output(model, value):
            continue
        if group.get(id(value)) in turned:
            model.inputs[i] = permuted(value, TO_LAST, value.name)
            model.input_permutes[i] = TO_LAST
            model.steps.insert(0, permute_step(model.inputs[i], TO_FIRST, value, value.name))
    return model


def _by_element(model: Model) -> dict[int, int]:
    """Return a group for every value, by id: values whose elements an elementwise step brings together share one."""
    group: dict[int, int] = {}
    for step in model.steps:
        members = [step.output]
        if operators()[step.op].layout in ("any", "axes") and step.op != "permute":
            joined_alike = step.op == "concat"
            members += [v for v in step.activations if joined_alike or v.shape == step.output.shape]
        for value in (*step.activations, step.output):
            group.setdefault(id(value), id(value))
        joined = {group[id(value)] for value in members}
        group.update((member, min(joined)) for member, own in group.items() if own in joined)
    return group


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
        turned = permuted(source, dims, f"{source.name}_turned")
        place = model.steps.index(turn)
        model.steps[place : place + 1] = [
            permute_step(source, dims, turned, turn.name),
            Step("reshape", turn.name, [turned], turn.output),
        ]
        drop_unread(model, flat)


def layout_at_boundary(model: Model) -> Model:
    """Let the model take and give channels-last tensors where its inputs and outputs would be permuted."""
    _lift_above_reshapes(model)
    model.input_permutes = model.input_permutes or [None] * len(model.inputs)
    model.output_permutes = [None] * len(model.outputs)
    for i, value in enumerate(model.inputs):
        readers = model.consumers(value)
        dims = [s.attrs["dims"] if s.op == "permute" else None for s in readers]
        if not readers or dims[0] is None or any(d != dims[0] for d in dims) or is_output(model, value):
            continue
        turned = replace(readers[0].output, name=value.name)
        for reader in readers:
            replace_value(model, reader.output, turned)
            model.outputs = [turned if v is reader.output else v for v in model.outputs]
            model.steps.remove(reader)
        model.inputs[i] = turned
        earlier = model.input_permutes[i] or tuple(range(len(dims[0])))
        model.input_permutes[i] = tuple(earlier[d] for d in dims[0])
    for i, value in enumerate(model.outputs):
        producer, once = model.producer(value), sum(value is output for output in model.outputs) == 1
        if producer is not None and producer.op == "permute" and once and not model.consumers(value):
            model.outputs[i] = producer.inputs[0]
            model.output_permutes[i] = tuple(int(d) for d in np.argsort(producer.attrs["dims"]))
            model.steps.remove(producer)
    return model
