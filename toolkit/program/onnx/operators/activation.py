"""Activation functions and softmax."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, apply, axis_of, reshaped
from toolkit.program.onnx.refusal import UnsupportedError

_SIXTH = 1 / 6
_NEAR = 1e-6  # attributes are float32


def _of_x(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Node], Computed]:
    return lambda node: apply(function, node.x)


def _clip(node: Node) -> Computed:
    low, high = (
        float(node.constant(i, what).reshape(())) if node.optional(i) is not None else None
        for i, what in ((1, "the minimum"), (2, "the maximum"))
    )
    if (low, high) == (0, 6):
        return apply(F.relu6, node.x)
    if low == 0 and high is None:
        return apply(F.relu, node.x)
    if low is None and high is None:
        return apply(lambda x: x.clone(), node.x)
    return apply(lambda x: torch.clamp(x, low, high), node.x)


def _leaky_relu(node: Node) -> Computed:
    slope = node.number("alpha", 0.01)
    return apply(lambda x: F.leaky_relu(x, slope), node.x)


def _prelu(node: Node) -> Computed:
    x, slope = node.x, node.input(1)
    if slope.data is None:
        raise UnsupportedError("a slope that is computed at run time")
    if slope.data.size == 1:
        value = float(slope.data.reshape(()))
        return apply(lambda x: F.leaky_relu(x, value), x)
    per_channel = (
        slope.data.size == x.shape[1]
        and slope.shape[0 if len(slope.shape) < len(x.shape) else 1] == x.shape[1]
    )
    if per_channel:
        return apply(F.prelu, x, reshaped(slope, (x.shape[1],)), names=("x", "weight"))
    return apply(lambda x, s: torch.relu(x) - s * torch.relu(-x), x, slope)


def _hard_sigmoid(node: Node) -> Computed:
    alpha, beta = node.number("alpha", 0.2), node.number("beta", 0.5)
    if abs(alpha - _SIXTH) < _NEAR and beta == 0.5:
        return apply(F.hardsigmoid, node.x)
    return apply(lambda x: torch.clamp(x * alpha + beta, 0.0, 1.0), node.x)


def _gelu(node: Node) -> Computed:
    approximate = node.text("approximate", "none")
    if approximate not in ("none", "tanh"):
        raise UnsupportedError(f"the approximation {approximate}")
    return apply(lambda x: F.gelu(x, approximate=approximate), node.x)


def _fast_gelu(node: Node) -> Computed:
    bias = node.optional(1)
    return apply(lambda x, b=None: F.gelu(x if b is None else x + b, approximate="tanh"), node.x, bias)


def _bias_gelu(node: Node) -> Computed:
    return apply(lambda x, b: F.gelu(x + b), node.x, node.input(1))


def _swish(node: Node) -> Computed:
    alpha = node.number("alpha", 1.0)
    return apply(F.silu if alpha == 1 else lambda x: x * torch.sigmoid(x * alpha), node.x)


def _quick_gelu(node: Node) -> Computed:
    alpha = node.number("alpha", 1.702)
    return apply(lambda x: x * torch.sigmoid(x * alpha), node.x)


def _with_alpha(function: Callable[..., torch.Tensor], default: float) -> Callable[[Node], Computed]:
    def rule(node: Node) -> Computed:
        alpha = node.number("alpha", default)
        return apply(lambda x: function(x, alpha), node.x)

    return rule


def _selu(node: Node) -> Computed:
    alpha, gamma = node.number("alpha", 1.6732632), node.number("gamma", 1.0507010)
    return apply(lambda x: gamma * F.elu(x, alpha), node.x)


def _thresholded_relu(node: Node) -> Computed:
    alpha = node.number("alpha", 1.0)
    return apply(lambda x: F.threshold(x, alpha, 0.0), node.x)


def _along_axis(function: Callable[..., torch.Tensor]) -> Callable[[Node], Computed]:
    def rule(node: Node) -> Computed:
        axis = axis_of(node.integer("axis", -1), len(node.x.shape))
        return apply(lambda x: function(x, dim=axis), node.x)

    return rule


RULES: dict[str, Any] = {
    "Relu": _of_x(torch.relu),
    "Clip": _clip,
    "LeakyRelu": _leaky_relu,
    "PRelu": _prelu,
    "Sigmoid": _of_x(torch.sigmoid),
    "Tanh": _of_x(torch.tanh),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _of_x(F.hardswish),
    "Gelu": _gelu,
    "com.microsoft::Gelu": _of_x(F.gelu),
    "com.microsoft::FastGelu": _fast_gelu,
    "com.microsoft::BiasGelu": _bias_gelu,
    "com.microsoft::QuickGelu": _quick_gelu,
    "Swish": _swish,
    "Elu": _with_alpha(F.elu, 1.0),
    "Celu": _with_alpha(F.celu, 1.0),
    "Selu": _selu,
    "ThresholdedRelu": _thresholded_relu,
    "Softplus": _of_x(F.softplus),
    "Softsign": _of_x(F.softsign),
    "Mish": _of_x(F.mish),
    "Softmax": _along_axis(torch.softmax),
    "LogSoftmax": _along_axis(torch.log_softmax),
}
