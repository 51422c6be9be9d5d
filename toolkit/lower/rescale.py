"""Passes that bring integers from one scale to another."""

from __future__ import annotations

import math
from dataclasses import replace

from toolkit.lower.ir import Model, Quantization, Step, Value, per_tensor
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
        elif not source.quant.per_tensor or step.output.quant is None or not step.output.quant.per_tensor:
            steps.append(step)
        else:
            steps.append(
                Step("relu", step.name, [source], step.output, {"activation": (-math.inf, math.inf)})
            )
    model.steps = steps
    model.outputs = [same.get(id(value), value) for value in model.outputs]
    return remove_dead(model)


def rescale_after_sharing(model: Model) -> Model:
    """Let an operator whose output shares its input's scale keep it, and rescale behind it where they differ.

    One that wants several inputs at its output's scale gets them rescaled in front of it, and one with an output scale
    of its own (softmax) is rescaled behind. Our quantizer gives them the right scales; a program quantized elsewhere
    may not. A relu without bounds rescales.
    """
    steps: list[Step] = []
    for step in model.steps:
        # the kernel that joins 16-bit values only copies
        copies = operators()[step.op].one_scale or (step.op == "concat" and step.output.dtype == "int16")
        if copies and step.output.quant is not None:
            steps += _at_output_scale(step)
        steps.append(step)
        own = _own_scale(step)
        output = step.output
        if own is None or output.quant is None or same_scale(replace(output, quant=own), output):
            continue
        step.output = replace(output, name=f"{output.name}_unscaled", quant=own)
        steps.append(Step("relu", step.name, [step.output], output, {"activation": (-math.inf, math.inf)}))
    model.steps = steps
    return model


def _own_scale(step: Step) -> Quantization | None:
    """Return the only quantization in which an operator can give its output, or None when it can give any."""
    operator = operators()[step.op]
    if operator.quantization == "fixed" and step.op == "softmax" and step.output.dtype == "int8":
        return per_tensor(*operator.fixed_output)
    shares = operator.quantization == "share" and step.op not in RESCALE
    return step.inputs[0].quant if shares else None


def _at_output_scale(step: Step) -> list[Step]:
    """Return the steps that bring the step's activations to its output's scale, for it to read."""
    made: list[Step] = []
    for index, value in enumerate(step.inputs):
        if value.data is not None or value.quant is None or same_scale(value, step.output):
            continue
        rescaled = replace(value, name=f"{value.name}_rescaled_{index}", quant=step.output.quant)
        made.append(Step("relu", step.name, [value], rescaled, {"activation": (-math.inf, math.inf)}))
        step.inputs[index] = rescaled
    return made
