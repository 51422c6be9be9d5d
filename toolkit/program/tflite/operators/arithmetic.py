"""Arithmetic of two tensors that broadcast."""

from __future__ import annotations

from collections.abc import Callable

import torch

from toolkit.program.tflite.fused import bounded, fused_bounds
from toolkit.program.tflite.op import Layer, Op


def add(op: Op) -> Layer:
    """``a + b``."""
    return _binary(op, torch.add)


def sub(op: Op) -> Layer:
    """``a - b``."""
    return _binary(op, torch.sub)


def mul(op: Op) -> Layer:
    """``a * b``."""
    return _binary(op, torch.mul)


def div(op: Op) -> Layer:
    """``a / b``."""
    return _binary(op, torch.div)


def minimum(op: Op) -> Layer:
    """The smaller of two, at one scale."""
    op.demand_one_scale()
    return op.layer(torch.minimum, op.input(0), op.input(1))


def maximum(op: Op) -> Layer:
    """The larger of two, at one scale."""
    op.demand_one_scale()
    return op.layer(torch.maximum, op.input(0), op.input(1))


def squared_difference(op: Op) -> Layer:
    """``(a - b) ** 2``; float only."""
    op.demand_float()
    return op.layer(lambda a, b: (a - b) * (a - b), op.input(0), op.input(1))


def _binary(op: Op, function: Callable[..., torch.Tensor]) -> Layer:
    bounds = fused_bounds(op)

    def compute(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return bounded(function(a, b), bounds, op.output)

    return op.layer(compute, op.input(0), op.input(1))
