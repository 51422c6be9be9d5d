"""New shapes and orders for the same values."""

from __future__ import annotations

import numpy as np
import torch

from toolkit.program.tflite.op import Constant, Layer, Op, Unsupported


def reshape(op: Op) -> Layer:
    """The output's shape is the file's; the operand or option that repeats it is not read."""
    op.demand_one_scale()
    return op.layer(lambda x: x.reshape(op.output.shape), op.input(0))


def squeeze(op: Op) -> Layer:
    """Axes of size 1 gone."""
    return reshape(op)


def expand_dims(op: Op) -> Layer:
    """Axes of size 1 more."""
    return reshape(op)


def transpose(op: Op) -> Layer:
    """Axes in another, constant order."""
    op.demand_one_scale()
    order = op.integers(1)
    if sorted(order) != list(range(len(op.input(0).shape))):
        raise op.damaged(f"the order {order} of a tensor of {len(op.input(0).shape)} axes")
    return op.layer(lambda x: x.permute(order), op.input(0))


def pack(op: Op) -> Layer:
    """Tensors of one shape, stacked along a new axis."""
    op.demand_one_scale(*range(len(op.inputs)))
    axis = _axis(op, len(op.output.shape))
    inputs = [op.input(i) for i in range(len(op.inputs))]
    return op.layer(lambda *xs: torch.cat([x.unsqueeze(axis) for x in xs], axis), *inputs)


def unpack(op: Op) -> Layer:
    """Slices of size 1 along an axis, which disappears."""
    op.demand_one_scale()
    x = op.input(0)
    axis = _axis(op, len(x.shape))
    if len(op.outputs) != x.shape[axis]:
        raise op.damaged(f"{len(op.outputs)} outputs for {x.shape[axis]} slices")

    def compute(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(x.narrow(axis, i, 1).squeeze(axis) for i in range(x.shape[axis]))

    return op.layer(compute, x)


def shape(op: Op) -> Layer:
    """Sizes, which are known."""
    sizes = Constant(np.array(op.input(0).shape, np.int32 if op.output.dtype == "int32" else np.int64))
    return op.layer(lambda sizes: sizes.clone(), sizes=sizes)


def _axis(op: Op, rank: int) -> int:
    axis = int(op.option("Axis", 0))
    if not -rank <= axis < rank:
        raise op.damaged(f"axis {axis} of {rank}")
    if rank > 8:
        raise Unsupported(f"{rank} axes")
    return axis % rank
