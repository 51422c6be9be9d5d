"""Matrix products."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded, fused_bounds
from toolkit.program.tflite.op import Layer, Op, Unsupported
from toolkit.program.tflite.weights import bias_of, weight_of


def fully_connected(op: Op) -> Layer:
    """Weight (O, I); the input is read as rows of I."""
    if op.option("WeightsFormat", 0):
        raise Unsupported("shuffled weights")
    weight = weight_of(op, 1, 0, (0, 1))
    depth, bounds, shape = weight.data.shape[1], fused_bounds(op), op.output.shape

    def compute(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        if x.shape[-1] != depth or x.dim() == 1 or len(shape) != x.dim():
            x = x.reshape(-1, depth)
        y = op.stored(bounded(F.linear(x, weight, bias), bounds, op.output))
        return y if y.shape == shape else y.reshape(shape)

    return op.layer(compute, op.input(0), weight=weight, bias=bias_of(op, 2, weight))


def batch_matmul(op: Op) -> Layer:
    """Two activations, or an activation and a constant; each may be turned."""
    turn_a, turn_b = bool(op.option("AdjX", False)), bool(op.option("AdjY", False))
    a, b = op.input(0), op.input(1)
    if a.dtype == "float32" and b.data is not None and len(b.shape) == 2:
        return _by_constant(op, turn_a, turn_b)

    def compute(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        a = a.transpose(-1, -2) if turn_a else a
        b = b.transpose(-1, -2) if turn_b else b
        return torch.matmul(a, b)

    return op.layer(compute, a, b)


def _by_constant(op: Op, turn_a: bool, turn_b: bool) -> Layer:
    """A layer with a float weight, which may yet be quantized per channel."""
    weight = weight_of(op, 1, 0, (0, 1) if turn_b else (1, 0))

    def compute(a: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return F.linear(a.transpose(-1, -2) if turn_a else a, weight)

    return op.layer(compute, op.input(0), weight=weight)
