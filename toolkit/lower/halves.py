"""The pass that lets operators read and write half precision where a program stores it so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.quantized import remove_dead, substitute
from toolkit.ops import operators
from toolkit.ops.cast import narrows, widens


def use_halves(model: Model) -> Model:
    """Let what reads float16 cast to float32, and what is cast to float16, read and write float16 itself.

    Operators compute in float32 and round each output once, so nothing changes but what lies in memory.
    """
    if not any(step.op == "cast" for step in model.steps):
        return model
    _round_early(model)
    halves: dict[int, Value] = {}  # the half behind a float32 value, by the value's id
    steps: list[Step] = []
    for step in model.steps:
        if narrows(step) and id(step.inputs[0]) in halves:
            substitute(model, {id(step.output): halves[id(step.inputs[0])]})
            continue
        steps += _with_halves(model, step, halves)
        if widens(steps[-1]):
            halves[id(steps[-1].output)] = steps[-1].inputs[0]
    model.steps = steps
    return remove_dead(model)


def _round_early(model: Model) -> None:
    """Round to halves before values are moved, pooled by their maxima or bounded, not after it: it is the same."""
    for step in reversed(list(model.steps)):
        if operators()[step.op].of_halves == "picked" and _may(step) and _is_rounded(model, step.output):
            whole, place = step.inputs[0], model.steps.index(step)
            half = replace(whole, name=f"{whole.name}_half", dtype="float16")
            step.inputs[0] = replace(whole, name=f"{whole.name}_rounded")
            model.steps[place:place] = [
                Step("cast", step.name, [whole], half),
                Step("cast", step.name, [half], step.inputs[0]),
            ]


def _may(step: Step) -> bool:
    operator, values = operators()[step.op], (*step.inputs, step.output)
    floats = all(value.quant is None and value.dtype in ("float16", "float32") for value in values[:1])
    return bool(operator.half_operands) and floats and step.output.quant is None and operator.takes_half(step)


def _is_rounded(model: Model, value: Value) -> bool:
    """True when only casts to float16 read ``value``."""
    readers = model.consumers(value)
    is_output = any(output is value for output in model.outputs)
    return bool(readers) and not is_output and all(narrows(reader) for reader in readers)


def _with_halves(model: Model, step: Step, halves: dict[int, Value]) -> list[Step]:
    """Return ``step`` on halves, and where it then gives some that were float32, the cast to that."""
    operator, whole = operators()[step.op], step.output
    count, also = operator.half_operands, operator.half_operands + operator.half_also
    rounded = _is_rounded(model, whole)
    if not _may(step) or (operator.of_halves == "float16" and not rounded):
        return [step]
    found = [_half(value, halves) for value in step.inputs]
    if any(half is None for half in found[:count]):
        return [step]
    step.inputs = [
        half if half is not None and index < also else value
        for index, (half, value) in enumerate(zip(found, step.inputs, strict=True))
    ]
    if rounded and operator.of_halves != "float32":
        readers = model.consumers(whole)
        step.output = readers[0].output
        for reader in readers:  # nothing reads what they make any more
            substitute(model, {id(reader.output): step.output})
            reader.output = replace(reader.output)
    elif operator.of_halves == "picked":
        step.output = replace(whole, name=f"{whole.name}_half", dtype="float16")
        return [step, Step("cast", step.name, [step.output], whole)]
    return [step]


def _half(value: Value, halves: dict[int, Value]) -> Value | None:
    """Return the half that ``value`` stands for, or None."""
    if id(value) in halves or value.data is None or value.dtype != "float32" or value.quant is not None:
        return halves.get(id(value))
    with np.errstate(over="ignore", invalid="ignore"):
        data = value.data.astype(np.float16)
    return replace(value, dtype="float16", data=data) if np.array_equal(data, value.data) else None
