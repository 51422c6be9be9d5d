"""Functions whose backward pass is the identity (Bengio et al. 2013, arXiv 1308.3432)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    """The function forward, the identity backward.

    ``x + (f(x) - x).detach()`` would do the same up to rounding; baked weights must be exact, so the forward
    value here is ``f(x)`` to the bit.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        return function(x)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return grad_outputs[0], None


def straight_through(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return ``function(x)``; its gradient with respect to ``x`` is the identity."""
    return _StraightThrough.apply(x, function)
