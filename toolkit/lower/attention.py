"""Passes that let a batched matrix product take a factor in, and read its operands where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from toolkit.lower.ir import Model, Value
from toolkit.ops.batch_matmul import BATCH_AXES, merged_axes
from toolkit.ops.rescale import same_scale


def fuse_scale(model: Model) -> Model:
    """Make a multiplication by one positive number behind a matrix product part of the product."""
    for scale in [step for step in model.steps if step.op in ("mul", "div")]:
        product = model.producer(scale.inputs[0])
        factor = _number(scale.inputs[1])
        if product is None or product.op != "batch_matmul" or factor is None or not factor > 0:
            continue
        alone = len(model.consumers(product.output)) == 1 and all(
            v is not product.output for v in model.outputs
        )
        if not alone or product.output.quant is not None or "activation" in scale.attrs:
            continue
        product.attrs["alpha"] = product.attrs.get("alpha", 1.0) * (
            1 / factor if scale.op == "div" else factor
        )
        product.output = scale.output
        model.steps.remove(scale)
    return model


def _number(value: Value) -> float | None:
    """Return the real number that a constant of one element stands for."""
    if value.data is None or value.data.size != 1:
        return None
    number = float(value.data.ravel()[0])
    if value.quant is not None:
        number = (number - float(value.quant.zero_point[0])) * float(value.quant.scale[0])
    return number


def read_in_place(model: Model) -> Model:
    """Let matrix products read permuted, reshaped and sliced tensors in the memory of those they come from."""
    for step in [step for step in model.steps if step.op == "batch_matmul"]:
        for i, key in enumerate("ab"):
            value, (offset, strides) = step.inputs[i], step.attrs[key]
            view = _view(model, value)
            if value.data is not None or view.base is value or offset != 0:
                continue
            missing = len(strides) - len(value.shape)  # batch axes that this operand lacks
            turned = [0] * missing + [
                0 if size == 1 and axis < len(value.shape) - 2 else stride
                for axis, (size, stride) in enumerate(zip(value.shape, view.strides, strict=True))
            ]
            attrs = {**step.attrs, key: (view.offset, tuple(turned))}
            if len(merged_axes(attrs)) <= BATCH_AXES:
                step.attrs, step.inputs[i] = attrs, view.base
    return model


@dataclass(frozen=True)
class _View:
    """Where the elements of a tensor lie in another value."""

    base: Value
    offset: int
    strides: tuple[int, ...]


def _view(model: Model, value: Value) -> _View:
    """Follow a value back through the steps that only move it, as far as strides can say where it lies."""
    itself = _View(value, 0, tuple(prod(value.shape[i + 1 :]) for i in range(len(value.shape))))
    step = model.producer(value)
    if step is None or step.op not in ("permute", "slice", "reshape") or step.inputs[0].data is not None:
        return itself
    source = step.inputs[0]
    if source.dtype != value.dtype or not same_scale(source, value):
        return itself
    before = _view(model, source)
    match step.op:
        case "permute":
            return _View(before.base, before.offset, tuple(before.strides[d] for d in step.attrs["dims"]))
        case "slice":
            starts, steps = step.attrs["start"], step.attrs["step"]
            offset = before.offset + sum(s * stride for s, stride in zip(starts, before.strides, strict=True))
            strides = tuple(by * stride for by, stride in zip(steps, before.strides, strict=True))
            return _View(before.base, offset, strides) if len(strides) == len(value.shape) else itself
    reshaped = _reshaped(source.shape, before.strides, value.shape)
    return itself if reshaped is None else _View(before.base, before.offset, reshaped)


def _reshaped(
    shape: tuple[int, ...], strides: tuple[int, ...], new: tuple[int, ...]
) -> tuple[int, ...] | None:
    """Return the strides of strided memory in another shape; None where that needs a copy."""
    blocks: list[tuple[int, int]] = []  # size and stride of axes that lie evenly in memory
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if blocks and blocks[-1][1] == size * stride:
            blocks[-1] = (blocks[-1][0] * size, stride)
        else:
            blocks.append((size, stride))
    left, stride, found = 1, 0, []
    for size in reversed(new):
        if size != 1 and left == 1:
            left, stride = blocks.pop()
        if left % size:
            return None
        found.append(0 if size == 1 else stride)
        left, stride = left // size, stride * size
    return tuple(reversed(found))
