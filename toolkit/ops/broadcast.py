"""Two operands that broadcast: as they are read, as int8 constants, and as the strides a kernel walks."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.base import Emitter, Reader
from toolkit.ops.reading import real_input

KERNEL_AXES = 4


def read_operands(node: Any, reader: Reader) -> tuple[list[Value], list[Step]]:
    """Return both operands with the output's rank, and the reshapes that give activations leading axes."""
    rank = len(node.meta["val"].shape)
    operands: list[Value] = []
    steps: list[Step] = []
    for arg in node.args[:2]:
        operands.append(raised(_operand(arg, reader), rank, steps))
    if all(value.data is not None for value in operands):
        raise reader.unsupported("two constants")
    return operands, steps


def _operand(arg: Any, reader: Reader) -> Value:
    """Return an operand; a constant of whole numbers counts as real ones, as torch has it."""
    value = reader.value(arg)
    if value.data is not None and value.quant is None and value.dtype.startswith(("int", "uint", "bool")):
        return Value(value.name, value.shape, data=value.data.astype(np.float32))
    return real_input(arg, reader)


def raised(value: Value, rank: int, steps: list[Step]) -> Value:
    """Give an operand leading axes of size 1; an activation by a reshape that is added to ``steps``."""
    if value.data is not None:
        return with_rank(value, rank)
    if len(value.shape) == rank:
        return value
    shape = (1,) * (rank - len(value.shape)) + value.shape
    view = Value(f"{value.name}_{rank}d", shape, value.dtype, value.quant)
    steps.append(Step("reshape", "", [value], view))
    return view


def with_rank(value: Value, rank: int) -> Value:
    """Give a constant leading axes of size 1, so that its axes are the activation's."""
    assert value.data is not None
    data = value.data.reshape((1,) * (rank - value.data.ndim) + value.data.shape)
    return Value(value.name, data.shape, value.dtype, value.quant, data)


def integer_operands(step: Step) -> list[Value]:
    """Return both inputs; a constant of an integer step becomes symmetric integers of the output's type."""
    dtype = step.output.dtype
    return [
        _integer_constant(value, dtype) if step.output.quant is not None else value for value in step.inputs
    ]


def _integer_constant(value: Value, dtype: str) -> Value:
    if value.data is None or (value.quant is not None and value.quant.per_tensor and value.dtype == dtype):
        return value
    real = value.data.astype(np.float64)
    if value.quant is not None:
        by_axis = [-1 if axis == value.quant.axis else 1 for axis in range(real.ndim)]
        real = (real - value.quant.zero_point.reshape(by_axis)) * value.quant.scale.reshape(by_axis)
    limits = np.iinfo(dtype)
    scale = float(np.abs(real).max(initial=0)) / limits.max or 1.0
    integers = np.rint(real / scale).astype(dtype)
    return Value(value.name, value.shape, dtype, per_tensor(scale, 0, limits.min, limits.max), integers)


def operand_data(operands: Iterable[Value], inputs: list[np.ndarray]) -> list[np.ndarray]:
    """Return each operand's array: its own data, or the next of the step's activations."""
    activations = iter(inputs)
    return [value.data if value.data is not None else next(activations) for value in operands]


def operand_pointer(value: Value, emitter: Emitter, suffix: str) -> str:
    """Return the C expression for an operand's address; a constant is defined as it is, not repeated."""
    if value.data is None:
        return emitter.pointer(value)
    return emitter.constant(suffix, value.data.astype(np.uint8) if value.dtype == "bool" else value.data)


def merged_axes(shape: tuple[int, ...], operands: Iterable[Value]) -> list[tuple[int, ...]]:
    """Return (size, stride of a, stride of b) per output axis; axes that all operands walk in one go are one.

    An axis along which an operand repeats has stride 0 for it.
    """
    strides = [_strides(value.shape, shape) for value in operands]
    axes: list[tuple[int, ...]] = []
    for size, *steps in zip(shape, *strides, strict=True):
        if size == 1:
            continue
        if axes and all(before == size * now for before, now in zip(axes[-1][1:], steps, strict=True)):
            axes[-1] = (axes[-1][0] * size, *steps)
        else:
            axes.append((size, *steps))
    return axes


def broadcast_fields(step: Step, operands: Iterable[Value]) -> str:
    """Return the initialiser of a ``tk_broadcast``."""
    axes = merged_axes(step.output.shape, operands)
    if len(axes) > KERNEL_AXES:
        raise ToolkitError(
            f"{step.op} of shapes {[value.shape for value in step.inputs]}: more than {KERNEL_AXES} axes "
            "repeat in turn",
            at=step.name,
            fix="reshape the operands so that axes which repeat are neighbours",
        )
    axes = [(1, 0, 0)] * (KERNEL_AXES - len(axes)) + axes
    return ", ".join("{" + ", ".join(map(str, part)) + "}" for part in zip(*axes, strict=True))


def in_place(step: Step, index: int) -> int | None:
    """Return 0 where the output may take the operand's memory: one that repeats is read again later."""
    return 0 if step.inputs[index].size == step.output.size else None


def _strides(own: tuple[int, ...], shape: tuple[int, ...]) -> list[int]:
    return [
        0 if size == 1 and full != 1 else prod(own[axis + 1 :])
        for axis, (size, full) in enumerate(zip(own, shape, strict=True))
    ]
