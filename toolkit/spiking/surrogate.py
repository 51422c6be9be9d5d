"""Spikes, and the gradients that stand in for theirs while training (Neftci et al. 2019, arXiv 1901.09948)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import Function

Surrogate = Literal["fast-sigmoid", "arctan", "piecewise-linear", "potential-dependent"]


def _fast_sigmoid(x: Tensor, slope: float) -> Tensor:
    return 1.0 / (1.0 + slope * x.abs()).square()


def _arctan(x: Tensor, slope: float) -> Tensor:
    return (slope / 2) / (1.0 + (math.pi / 2 * slope * x).square())


def _piecewise_linear(x: Tensor, slope: float) -> Tensor:
    return slope * (1.0 - slope * x.abs()).clamp(min=0.0)


def _potential_dependent(x: Tensor, slope: float) -> Tensor:
    """A bell as wide as the potentials of the layer (channel by channel, where it has channels) are spread."""
    axes = [0, *range(2, x.dim())] if x.dim() > 2 else list(range(x.dim()))
    spread = x.std(axes, correction=0, keepdim=True)
    width = torch.where(spread > 0, spread, 1.0) / slope
    return torch.exp(-0.5 * (x / width - 0.5).square()) / (math.sqrt(2 * math.pi) * width)


# name -> the derivative taken for that of a spike, by how far the potential is above the threshold
DERIVATIVES: dict[Surrogate, Callable[[Tensor, float], Tensor]] = {
    "fast-sigmoid": _fast_sigmoid,  # Zenke and Ganguli 2018, arXiv 1705.11146
    "arctan": _arctan,  # Fang et al. 2021, arXiv 2007.05785
    "piecewise-linear": _piecewise_linear,  # Bellec et al. 2018, arXiv 1803.09574
    "potential-dependent": _potential_dependent,  # Lun et al. 2025, arXiv 2503.03272
}
SLOPES: dict[Surrogate, float] = {
    "fast-sigmoid": 25.0, "arctan": 2.0, "piecewise-linear": 1.0, "potential-dependent": 1.0,
}  # fmt: skip


class _Spike(Function):
    @staticmethod
    def forward(ctx: Any, above: Tensor, surrogate: Surrogate, slope: float, strict: bool) -> Tensor:
        ctx.save_for_backward(above)
        ctx.surrogate, ctx.slope = surrogate, slope
        return _heaviside(above, strict)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (above,) = ctx.saved_tensors
        return gradients[0] * DERIVATIVES[ctx.surrogate](above, ctx.slope), None, None, None


def _heaviside(above: Tensor, strict: bool) -> Tensor:
    return (above > 0 if strict else above >= 0).to(above.dtype)


def spike(
    above: Tensor, surrogate: Surrogate = "arctan", slope: float | None = None, strict: bool = False
) -> Tensor:
    """Return 1.0 where a potential has reached its threshold, else 0.0.

    Args:
        above: potential minus threshold, any shape.
        surrogate: whose derivative the gradient takes.
        slope: how steep it is, in 1 / unit of the potential, or in 1 / standard deviation of the layer's potentials
            for "potential-dependent"; default: the one that its paper uses.
        strict: the threshold itself makes no spike.
    """
    if not torch.is_grad_enabled() or not above.requires_grad:
        return _heaviside(above, strict)
    slope = SLOPES[surrogate] if slope is None else slope
    return _Spike.apply(above, surrogate, slope, strict)  # type: ignore[no-any-return, no-untyped-call]
