"""Passes that bring integers from one scale to another."""

from __future__ import annotations

import math
from dataclasses import replace

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.quantized import remove_dead
from toolkit.ops import operators
from toolkit.ops.rescale import same_scale

RESCALE = ("relu", "concat")  # "share" operators that can themselves bring values to another scale


def rescale_between_quantizations(model: Model) -> Model:
    """Make ``quantize(dequantize(x))`` a rescaling of integers, or ``x`` itself where both have one scale."""
    steps: list[Step] = []
    behind = {id(step.output): step.inputs[0] for step in model.steps if step.op == "dequantize"}
    same: dict[int, Value] = {}
    for step in model.steps:
        step.inputs = [same.get(id(value), value) for value in step.inputs]
        source = behind.get(id(step.inputs[0])) if step.op == "quantize" else None
        source = source if source is None else same.get(id(source), source)
        if source is None or source.dtype != step.output.dtype or source.quant is None:
            steps.append(step)
        elif source.quant.same_as(step.output.quant):
            same[id(step.output)] = source
        else:
            steps.append(
                Step("relu", step.name, [source], step.output, {"activation": (-math.inf, math.inf)})
            )
    model.steps = steps
    model.outputs = [same.get(id(value), value) for value in model.outputs]
    return remove_dead(model)


def rescale_after_sharing(model: Model) -> Model:
    """Let an operator whose output shares its input's scale keep it, and rescale behind it where they differ.

    Our quantizer gives both one scale; a program quantized elsewhere may not. A relu without bounds rescales.
    """
    steps: list[Step] = []
    for step in model.steps:
        steps.append(step)
        shares = operators()[step.op].quantization == "share" and step.op not in RESCALE
        source, output = step.inputs[0], step.output
        if not shares or source.quant is None or output.quant is None or same_scale(source, output):
            continue
        step.output = replace(output, name=f"{output.name}_unscaled", quant=source.quant)
        steps.append(Step("relu", step.name, [step.output], output, {"activation": (-math.inf, math.inf)}))
    model.steps = steps
    return model
