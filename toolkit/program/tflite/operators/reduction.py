"""Reductions along axes."""

from __future__ import annotations

import torch

from toolkit.program.tflite.layout import to_first, to_last
from toolkit.program.tflite.op import Layer, Op, Unsupported


def mean(op: Op) -> Layer:
    """Mean along constant axes."""
    x, (axes, keep) = op.input(0), _axes(op)
    if axes == [1, 2] and len(x.shape) == 4:  # a global pool: torch's own axes for it

        def pooled(x: torch.Tensor) -> torch.Tensor:
            y = op.stored(torch.mean(to_first(x), [2, 3], keepdim=True))
            return to_last(y) if keep else y.reshape(op.output.shape)

        return op.layer(pooled, x)
    return op.layer(lambda x: torch.mean(x, axes, keepdim=keep), x)


def sum(op: Op) -> Layer:
    """Sum along constant axes."""
    axes, keep = _axes(op)
    return op.layer(lambda x: torch.sum(x, axes, keepdim=keep), op.input(0))


def reduce_max(op: Op) -> Layer:
    """Maximum along constant axes."""
    axes, keep = _axes(op)
    op.demand_one_scale()
    return op.layer(lambda x: torch.amax(x, axes, keepdim=keep), op.input(0))


def arg_max(op: Op) -> Layer:
    """Index of the first maximum, as int32."""
    if op.output.dtype != "int32":
        raise Unsupported(f"{op.output.dtype} indices; int32 ones have kernels")
    (axis,) = _checked(op, op.integers(1))
    return op.layer(lambda x: torch.argmax(x, axis), op.input(0))


def _axes(op: Op) -> tuple[list[int], bool]:
    return _checked(op, op.integers(1)), bool(op.option("KeepDims", False))


def _checked(op: Op, axes: list[int]) -> list[int]:
    rank = len(op.input(0).shape)
    if not axes or any(not -rank <= axis < rank for axis in axes):
        raise op.damaged(f"axes {axes} of a tensor of {rank}")
    return sorted({axis % rank for axis in axes})
