"""Activation functions that stand alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded
from toolkit.program.tflite.layout import to_first, to_last
from toolkit.program.tflite.op import Layer, Op, Unsupported


def relu(op: Op) -> Layer:
    """``max(x, 0)``."""
    return _bounds(op, 0.0, math.inf)


def relu6(op: Op) -> Layer:
    """Within 0 and 6."""
    return _bounds(op, 0.0, 6.0)


def relu_n1_to_1(op: Op) -> Layer:
    """Within -1 and 1."""
    return _bounds(op, -1.0, 1.0)


def relu_0_to_1(op: Op) -> Layer:
    """Within 0 and 1."""
    return _bounds(op, 0.0, 1.0)


def leaky_relu(op: Op) -> Layer:
    """``x`` or ``alpha * x``."""
    slope = float(op.option("Alpha"))
    if not math.isfinite(slope):
        raise op.damaged(f"alpha is {slope}")
    return _elementwise(op, lambda x: F.leaky_relu(x, slope))


def prelu(op: Op) -> Layer:
    """``x`` or ``alpha * x``, alpha constant: one for each channel, or one for all."""
    x, alpha = op.input(0), op.input(1)
    if alpha.data is None:
        raise Unsupported("an alpha that is not constant")
    if alpha.data.size not in (1, alpha.shape[-1] if alpha.shape else 1) or len(x.shape) not in (2, 4):
        raise Unsupported(f"alphas of shape {list(alpha.shape)} for {list(x.shape)}")
    if alpha.data.size not in (1, x.shape[-1]):
        raise op.damaged(f"{alpha.data.size} alphas for {x.shape[-1]} channels")

    def compute(x: torch.Tensor, alpha: torch.Tensor) -> torch.Tensor:
        alpha = alpha.reshape(-1)
        if x.dim() == 2:
            return F.prelu(x, alpha)
        return to_last(op.stored(F.prelu(to_first(x), alpha)))

    return op.layer(compute, x, alpha)


def logistic(op: Op) -> Layer:
    """Sigmoid."""
    return _elementwise(op, torch.sigmoid)


def tanh(op: Op) -> Layer:
    """Hyperbolic tangent."""
    return _elementwise(op, torch.tanh)


def hard_swish(op: Op) -> Layer:
    """``x * relu6(x + 3) / 6``."""
    return _elementwise(op, F.hardswish)


def gelu(op: Op) -> Layer:
    """Gaussian error linear unit."""
    approximate = "tanh" if op.option("Approximate", False) else "none"
    return _elementwise(op, lambda x: F.gelu(x, approximate=approximate))


def elu(op: Op) -> Layer:
    """``x`` or ``exp(x) - 1``."""
    return _elementwise(op, F.elu)


def softmax(op: Op) -> Layer:
    """Along the last axis."""
    beta = float(op.option("Beta", 1.0))
    if beta != 1.0:
        raise Unsupported(f"beta {beta}")
    return _elementwise(op, lambda x: torch.softmax(x, -1))


def log_softmax(op: Op) -> Layer:
    """Along the last axis."""
    return _elementwise(op, lambda x: torch.log_softmax(x, -1))


def _bounds(op: Op, low: float, high: float) -> Layer:
    return _elementwise(op, lambda x: bounded(x, (low, high), op.output))


def _elementwise(op: Op, function: Callable[[torch.Tensor], torch.Tensor]) -> Layer:
    return op.layer(function, op.input(0))
