"""Convolutions and the additions behind them as one step: a residual block's sum without a pass of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from toolkit.lower.ir import Model, Step, Value
from toolkit.lower.pooled import can_join
from toolkit.ops.conv2d_add import OPERATOR, form_of
from toolkit.ops.weighted import is_int8

OP = OPERATOR.name


def fuse_adds(model: Model, wanted: Callable[[Step], bool] = lambda _: True) -> Model:
    """Return a copy of ``model`` with int8 convolutions and the addition behind each as one step, where that is exact.

    The convolution has no other reader, the other operand is another activation of its shape, and the sum has a form
    in 32 bits. Where both operands are such convolutions', the later one is taken. ``wanted`` is asked about every
    step that could be made. ``model`` is not changed.
    """
    steps = list(model.steps)
    for add in model.steps:
        if add.op != "add" or not all(_is_operand(value, add.output) for value in (*add.inputs, add.output)):
            continue
        convs = [step for step in model.steps if any(step.output is value for value in add.inputs)]
        for conv in reversed(convs):
            fused = _fused(model, conv, add)
            if fused is not None and wanted(fused):
                steps[steps.index(add)] = fused
                steps.remove(conv)
                break
    return replace(model, steps=steps)


def _is_operand(value: Value, output: Value) -> bool:
    return (
        value.data is None
        and value.dtype == "int8"
        and value.quant is not None
        and value.shape == output.shape
    )


def _fused(model: Model, conv: Step, add: Step) -> Step | None:
    """Return both as one step, or None where that would not be exact."""
    between = conv.output
    addends = [value for value in add.inputs if value is not between]
    if conv.op != "conv2d" or not is_int8(conv) or not can_join(model, conv, add) or len(addends) != 1:
        return None
    attrs = {**conv.attrs, "between": between.quant, "sum_activation": add.attrs.get("activation")}
    fused = replace(conv, op=OP, inputs=[*conv.inputs, *addends], output=add.output, attrs=attrs, kernel="")
    return fused if form_of(OPERATOR.parts(fused)[1]) is not None else None
