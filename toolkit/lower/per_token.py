"""Passes for layers whose input gets a scale for each row at run time."""

from __future__ import annotations

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.quantized import remove_dead, substitute

_PER_TOKEN = ("token_scale", "quantize_per_token")


def fuse_per_token(model: Model) -> Model:
    """Let fully connected layers with integer weights read the integers behind ``dequantize_per_token``."""
    for layer in [step for step in model.steps if step.op == "fully_connected"]:
        source, weight = model.producer(layer.inputs[0]), layer.inputs[1]
        if source is None or source.op != "dequantize_per_token" or not _symmetric(weight):
            continue
        integers, scale = source.inputs
        layer.op = "fully_connected_per_token"
        layer.inputs = [integers, weight, scale, *layer.inputs[2:]]
    return remove_dead(_shared(model))


def _symmetric(weight: Value) -> bool:
    return weight.quant is not None and not weight.quant.zero_point.any() and weight.quant.axis in (None, 0)


def _shared(model: Model) -> Model:
    """Find the scale and the integers of a tensor once for all layers that read it."""
    first: dict[tuple[object, ...], Value] = {}
    twins: dict[int, Value] = {}
    kept: list[Step] = []
    for step in model.steps:
        step.inputs = [twins.get(id(value), value) for value in step.inputs]
        if step.op in _PER_TOKEN:
            step.name += f".{step.op}"  # the layer's own name is that of its sums
            key = (step.op, *map(id, step.inputs), *step.attrs.get("range", ()))
            if key in first:
                twins[id(step.output)] = first[key]
                continue
            first[key] = step.output
        kept.append(step)
    model.steps = kept
    substitute(model, twins)
    return model
