"""Gradients that go straight through rounding (Bengio et al. 2013, arXiv 1308.3432)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


@dataclass(frozen=True)
class Bounds:
    """Where an activation before the rounding holds values."""

    low: float = -inf
    high: float = inf


class _Quantized(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, quantize: Any, dequantize: Any, parameters: list[Any], low: float, high: float
    ) -> Tensor:
        rounded: Tensor = dequantize(quantize(x, *parameters), *parameters)
        ctx.low, ctx.high = low, high
        if low > -inf or high < inf:
            ctx.save_for_backward(rounded)
        return rounded

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        if ctx.saved_tensors:
            (rounded,) = ctx.saved_tensors
            # one comparison each: aten.hardtanh_backward is open at both ends, as the range is
            gradient = torch.ops.aten.hardtanh_backward(gradient, rounded, ctx.low, ctx.high)
        return gradient, None, None, None, None, None


class _Passed(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        return function(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0], None


def quantized(
    x: Tensor, quantize: Any, dequantize: Any, parameters: list[Any], bounds: Bounds, *, clips: bool
) -> Tensor:
    """Return ``x`` as its integers stand for it; gradients pass where neither the integers nor ``bounds`` clip.

    Args:
        x: float32.
        quantize: the operator of ``quantized_decomposed`` that makes the integers.
        dequantize: its counterpart.
        parameters: the arguments of both after the tensor: per tensor ``scale, zero_point, qmin, qmax, dtype``.
        bounds: of an activation that ran before, whose clipping the integers show.
        clips: False where no value can lie outside the integers' range.
    """
    low, high = -inf, inf
    if clips:
        scale, zero, qmin, qmax = parameters[:4]
        low, high = max(scale * (qmin - zero), bounds.low), min(scale * (qmax - zero), bounds.high)
    return _Quantized.apply(x, quantize, dequantize, parameters, low, high)  # type: ignore[no-any-return, no-untyped-call]


def passed(x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return ``function(x)``; gradients pass as if it were not there."""
    return _Passed.apply(x, function)  # type: ignore[no-any-return, no-untyped-call]
