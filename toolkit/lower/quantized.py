"""Passes that turn float operators between dequantize and quantize into integer operators."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.constants import real
from toolkit.lower.int16 import has_int16
from toolkit.lower.ir import Model, Quantization, Step, Value, per_channel
from toolkit.ops import operators
from toolkit.ops.integrate import SPIKES
from toolkit.ops.quantize import LARGEST_BIAS
from toolkit.ops.send_delayed import adds_exactly
from toolkit.ops.trained import ENDING
from toolkit.ops.wide import ENDING as WIDE


def use_integers(model: Model) -> Model:
    """Rewrite ``quantize(op(dequantize(x)))`` as ``op`` on integers, for every operator that can."""
    steps: list[Step] = []
    replaced: dict[int, Value] = {}  # a quantize step's output, now written by the operator itself
    behind: dict[int, Value] = {}  # a dequantize step's output, and the integers behind it
    for step in model.steps:
        step.inputs = [replaced.get(id(value), value) for value in step.inputs]
        made = [step]
        if step.op in ("quantize", "dequantize"):
            made = [] if id(step.output) in replaced else made
        else:
            made = _integer_step(model, step, replaced, behind)
        steps.extend(made)
        behind.update((id(s.output), s.inputs[0]) for s in made if s.op == "dequantize")
    model.steps = steps
    model.outputs = [replaced.get(id(value), value) for value in model.outputs]
    return model


def quantize_before_reshape(model: Model) -> Model:
    """Make ``quantize(reshape(op(x)))`` a ``reshape(quantize(op(x)))``, so that ``op`` can have integers."""
    for quantizer in [step for step in model.steps if step.op == "quantize"]:
        shape = model.producer(quantizer.inputs[0])
        if shape is None or shape.op != "reshape" or len(model.consumers(shape.output)) > 1:
            continue
        source, final = shape.inputs[0], quantizer.output
        if final.quant is None or not final.quant.per_tensor:
            continue  # the axis of the scales is one of the shape behind
        producer = model.producer(source)
        if producer is None or producer.op == "dequantize" or len(model.consumers(source)) > 1:
            continue
        if any(value is shape.output for value in model.outputs):
            continue
        inner = replace(final, name=f"{final.name}_inner", shape=source.shape)
        place = model.steps.index(shape)
        model.steps.remove(quantizer)
        model.steps[place : place + 1] = [
            Step("quantize", shape.name, [source], inner),
            Step("reshape", shape.name, [inner], final),
        ]
    return model


def _integer_step(
    model: Model, step: Step, replaced: dict[int, Value], behind: dict[int, Value]
) -> list[Step]:
    operator = operators()[step.op]
    sources = [_dequantized_from(behind, value) for value in step.inputs]
    trained = operator.quantization == "weighted" and step.inputs[1].data is None
    if trained:
        sources[1:] = [behind.get(id(value)) for value in step.inputs[1:]]
        ready = _trained_ready(step, sources)
    else:
        constants_ready = all(
            v.quant is not None for v in step.inputs[1:2] if operator.quantization == "weighted"
        )
        ready = constants_ready and all(
            source is not None or value.data is not None or value.dtype == "int32"
            for source, value in zip(sources, step.inputs, strict=True)
        )
    ready = ready and (operator.quantization != "none" or operator.integer_output)
    sixteen = any(source is not None and source.dtype == "int16" for source in sources)
    ready = ready and (not sixteen or has_int16(step.op))
    ready = ready and (not operator.potentials or _are_potentials(step, sources))
    quantizers = model.consumers(step.output)
    is_output = any(value is step.output for value in model.outputs)
    same = [q.output.quant for q in quantizers if q.op == "quantize"]
    all_quantize = bool(quantizers) and not is_output and len(same) == len(quantizers)
    kinds = {source.dtype for source in sources if source is not None and source.dtype != "int32"}
    ready = ready and (len(kinds) < 2 or operator.potentials)  # kernels take one type of activations
    kinds = {"int16"} if operator.potentials and ready else kinds
    changed = _of_other_type(step, kinds, {q.output.dtype for q in quantizers})
    one_type = changed or all(q.output.dtype in kinds or not kinds for q in quantizers)
    inputs = [source or value for source, value in zip(sources, step.inputs, strict=True)]
    if ready and getattr(operator, "integer_output", False):
        step.inputs = inputs
    elif ready and all_quantize and one_type and all(q is not None and q.same_as(same[0]) for q in same):
        step.inputs = inputs
        step.op = f"{step.op}{ENDING}" if trained else changed or step.op
        step.output = quantizers[0].output
        for quantizer in quantizers:
            replaced[id(quantizer.output)] = step.output
    elif ready and operator.moves_data and _one_scale(inputs):
        floating = step.output
        step.inputs = inputs
        step.output = Value(f"{floating.name}_q", floating.shape, inputs[0].dtype, inputs[0].quant)
        return [step, Step("dequantize", step.name, [step.output], floating)]
    elif operator.quantization != "none":
        step.inputs = [_dequantized_constant(value) for value in step.inputs]
    return [step]


def _are_potentials(step: Step, sources: list[Value | None]) -> bool:
    """True when all are int16; what comes in may be spikes in int8."""
    if step.op == "send_delayed":
        return adds_exactly(step, sources)
    return all(
        source is None
        or source.dtype == "int16"
        or (index == 0 and step.op == "integrate" and (source.quant or SPIKES).same_as(SPIKES))
        for index, source in enumerate(sources)
    )


def _of_other_type(step: Step, given: set[str], wanted: set[str]) -> str:
    """Return the operator that takes one integer type and gives another, "" where there is none."""
    if given == {"int16"} and wanted == {"int8"} and step.op == "fire":
        return step.op
    wide = f"{step.op}{WIDE}"
    return wide if given == {"int8"} and wanted == {"int16"} and wide in operators() else ""


def _trained_ready(step: Step, sources: list[Value | None]) -> bool:
    """True when a layer has a twin for int8 weights of the run, and its input and weights are such integers.

    Of the bias only int32 integers are taken; another one stays in float for ``quantize_bias``.
    """
    x, weight, *bias = sources
    for index, source in enumerate(bias, 2):
        if source is not None and source.dtype != "int32":
            sources[index] = None
    return (
        f"{step.op}{ENDING}" in operators()
        and x is not None
        and weight is not None
        and weight.dtype == "int8"
        and weight.quant is not None
        and weight.quant.axis in (None, 0)
    )


def _one_scale(inputs: list[Value]) -> bool:
    """True when all that is moved has the first one's quantization: then the output can have it, too."""
    first = inputs[0].quant
    return (
        first is not None
        and first.per_tensor
        and all(v.dtype == "int32" or first.same_as(v.quant) for v in inputs)
    )


def _dequantized_from(behind: dict[int, Value], value: Value) -> Value | None:
    """Return the integers behind a dequantized activation."""
    source = behind.get(id(value))
    return source if source is not None and source.quant is not None and source.quant.per_tensor else None


def _dequantized_constant(value: Value) -> Value:
    """Return a quantized constant as float32, for a layer that computes in float."""
    if value.data is None or value.quant is None:
        return value
    return Value(value.name, value.shape, "float32", None, real(value))


def integer_boundary(model: Model) -> Model:
    """Let the model take and give integers where it begins with quantize and ends with dequantize."""
    for i, value in enumerate(model.inputs):
        readers = model.consumers(value)
        if (
            readers
            and all(s.op == "quantize" for s in readers)
            and not any(v is value for v in model.outputs)
        ):
            quants = [s.output.quant for s in readers]
            if all(q is not None and q.per_tensor and q.same_as(quants[0]) for q in quants):
                integer = readers[0].output
                substitute(model, {id(s.output): integer for s in readers})
                model.steps = [s for s in model.steps if s not in readers]
                integer.name = value.name
                model.inputs[i] = integer
    for i, value in enumerate(model.outputs):
        producer = model.producer(value)
        if producer is not None and producer.op == "dequantize" and _one_scale(producer.inputs):
            model.outputs[i] = producer.inputs[0]
    return remove_dead(model)


def remove_dead(model: Model) -> Model:
    """Remove steps whose output nobody reads."""
    kept: list[Step] = []
    needed = {id(value) for value in model.outputs}
    for step in reversed(model.steps):
        if id(step.output) in needed:
            kept.append(step)
            needed.update(id(value) for value in step.inputs)
    model.steps = kept[::-1]
    return model


def substitute(model: Model, values: dict[int, Value]) -> None:
    """Let steps and outputs read others in place of some values, by their ids."""
    for step in model.steps:
        step.inputs = [values.get(id(value), value) for value in step.inputs]
    model.outputs = [values.get(id(value), value) for value in model.outputs]


def quantize_bias(model: Model) -> Model:
    """Turn float biases of integer layers into int32 at scale ``input scale * weight scale``: those of the run, too."""
    steps: list[Step] = []
    for step in model.steps:
        if (
            operators()[step.op].quantization == "weighted"
            and step.inputs[0].quant is not None
            and len(step.inputs) > 2
            and not step.op.endswith(WIDE)  # fold their biases finer
        ):
            bias, weight = step.inputs[2], step.inputs[1]
            assert weight.quant is not None
            scale = step.inputs[0].quant.scale[0] * weight.quant.scale
            if bias.quant is not None:  # already int32
                _check_bias_scale(step, bias.quant, scale)
            elif bias.data is not None:
                step.inputs[2] = _integer_bias(step, bias, scale)
            else:
                channels = np.broadcast_to(scale, bias.shape)
                quant = per_channel(channels, 0, -LARGEST_BIAS, LARGEST_BIAS)
                step.inputs[2] = Value(f"{bias.name}_q", bias.shape, "int32", quant)
                steps.append(Step("quantize", f"{step.name}.bias", [bias], step.inputs[2]))
        steps.append(step)
    model.steps = steps
    return model


def _integer_bias(step: Step, bias: Value, scale: np.ndarray) -> Value:
    assert bias.data is not None
    data = np.rint(bias.data.astype(np.float64) / scale)
    if np.abs(data).max(initial=0) > 2**31 - 1:
        raise ToolkitError(
            "a bias does not fit in 32 bits at this layer's scales",
            at=step.name,
            fix="calibrate with data that is like the real input, or clip the weights",
        )
    return Value(bias.name, bias.shape, "int32", None, data.astype(np.int32))


def _check_bias_scale(step: Step, quant: Quantization, scale: np.ndarray) -> None:
    if not np.allclose(quant.scale, scale, rtol=1e-5) or quant.zero_point.any():
        raise ToolkitError(
            "the bias is quantized with another scale than input scale times weight scale",
            at=step.name,
            fix="leave the bias in float, or derive its scale from the input's and the weight's",
        )
