"""Activation functions that stand alone."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded
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
    """``x`` or ``alpha * x``, one constant alpha per channel."""
    x, alpha = op.input(0), op.input(1)
    if alpha.data is None:
        raise Unsupported("an alpha that is not constant")
    return op.layer(
        lambda x, alpha: torch.maximum(x, torch.zeros(())) + alpha * torch.clamp(x, max=0.0), x, alpha
    )


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
