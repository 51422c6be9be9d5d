"""Batch normalization that is folded at each run, so that layer and normalization both go on learning."""

from __future__ import annotations

from collections.abc import Callable
from operator import getitem
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.autograd import Function

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.learn.rule import NoOptions as Options
from toolkit.training.methods import Layers
from toolkit.training.norms import Norm

if TYPE_CHECKING:
    from toolkit.training.forward import Forward

__all__ = ["KEEPS_NORMS", "METHOD", "Options", "make"]

METHOD = Method(
    slug="tune-mode-convbn",
    title="Batch normalization folded at each run, and yet it learns",
    paper="Efficient ConvBN Blocks for Transfer Learning and Beyond, You et al. 2023, arXiv 2305.11624",
    kind="device",
    cost="the weights are folded at each run; needs a float model that still has its batch normalization",
)
KEEPS_NORMS = True


class _Tuned(Function):
    """``layer(x, weight, bias)`` and the normalization behind it as one layer.

    Where ``factor = gamma * inverse``, the layer's weight is ``weight * factor`` and its bias
    ``beta + (bias - mean) * factor``. For the gradients the folded weight is made again. Where there are more weights
    than outputs, the outputs are multiplied instead, and kept without the factor.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, gamma: Tensor, beta: Tensor, mean: Tensor,
        inverse: Tensor, layer: Callable[..., Tensor],
    ) -> Tensor:  # fmt: skip
        factor, centre = gamma * inverse, bias - mean
        plain = layer(x, weight)
        ctx.folds, ctx.layer = weight.numel() <= plain.numel(), layer
        ctx.save_for_backward(x, weight, centre, factor, inverse, None if ctx.folds else plain)
        shift = beta + centre * factor
        if ctx.folds:
            return layer(x, weight * _first(factor, weight), shift)
        return plain * _second(factor, plain) + _second(shift, plain)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        x, weight, centre, factor, inverse, plain = ctx.saved_tensors
        by_x, by_weight, by_bias, by_gamma, by_beta = ctx.needs_input_grad[:5]
        pixels = [axis for axis in range(gradient.dim()) if axis != 1]
        sums, along, found = gradient.sum(pixels), None, None
        if ctx.folds:
            by_folded = _pulled_back(lambda given: ctx.layer(x, given), weight, gradient)
            along = (by_folded * weight).flatten(1).sum(1) if by_gamma else None
            found = by_folded * _first(factor, weight) if by_weight else None
            # factors first: as in the forward part, it would be the same and be kept
            weight = _first(factor, weight) * weight
        else:
            along = (gradient * plain).sum(pixels) if by_gamma else None
            gradient = gradient * _second(factor, gradient)
            found = _pulled_back(lambda given: ctx.layer(x, given), weight, gradient) if by_weight else None
        return (
            _pulled_back(lambda given: ctx.layer(given, weight), x, gradient) if by_x else None,
            found,
            sums * factor if by_bias else None,
            None if along is None else (along + centre * sums) * inverse,
            sums if by_beta else None,
            None,
            None,
            None,
        )


def _first(factor: Tensor, weight: Tensor) -> Tensor:
    """Return one factor for each output channel of ``weight``, its first axis."""
    return factor.reshape(-1, *[1] * (weight.dim() - 1))


def _second(factor: Tensor, image: Tensor) -> Tensor:
    """Return one factor for each channel of ``image``, its second axis."""
    return factor.reshape(1, -1, *[1] * (image.dim() - 2))


def _pulled_back(function: Callable[[Tensor], Tensor], at: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient by what ``function`` takes, from that by what it gives."""
    with torch.enable_grad():
        given = at.detach().requires_grad_()
        return torch.autograd.grad(function(given), given, gradient)[0]


class Tuned(Layers):
    """See ``toolkit.training.methods.Layers``. Gradients are those of layer and normalization one after the other."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.blocks = {layer: _Block(forward, layer, norm) for layer, norm in forward.norms.items()}
        self.norms = {norm.node for norm in forward.norms.values()}

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """See ``toolkit.training.methods.Layers``."""
        if node in self.norms or (node.target is getitem and node.args[0] in self.norms):
            return arguments[0]  # type: ignore[no-any-return]  # normalized already
        return self.blocks[node].run(arguments, states) if node in self.blocks else None


class _Block:
    """A layer and the normalization behind it."""

    def __init__(self, forward: Forward, layer: fx.Node, norm: Norm) -> None:
        self.layer: Any = layer.target
        self.names = (norm.weight, norm.bias)
        self.constants = forward.tensors
        self.mean = forward.tensors[norm.mean]
        self.inverse = (forward.tensors[norm.variance].double() + norm.eps).rsqrt().to(self.mean.dtype)

    def run(self, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor:
        x, weight, bias, *others = (*arguments, None)[: max(len(arguments), 3)]
        gamma, beta = (states.get(name, self.constants.get(name)) for name in self.names)

        def layer(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
            return self.layer(x, weight, bias, *others)  # type: ignore[no-any-return]

        ones, zeros = torch.ones_like(self.mean), torch.zeros_like(self.mean)
        pairs = ((bias, zeros), (gamma, ones), (beta, zeros))
        given = [default if value is None else value for value, default in pairs]
        return _Tuned.apply(x, weight, *given, self.mean, self.inverse, layer)  # type: ignore[no-any-return, no-untyped-call]


def make(forward: Forward, chosen: list[str], options: Options, seed: int) -> Tuned:
    """See ``toolkit.training.methods.DeviceMethod``."""
    if not forward.norms:
        quantized = any(forward.rounding(name) for name in forward.weights)
        raise ToolkitError(
            "a quantized program's batch normalization is folded for good"
            if quantized
            else "no layer with weights has a batch normalization behind it",
            at=METHOD.slug,
            fix="make the step from the float model as it was before folding (torch.export of it in evaluation mode), "
            "or train without this method",
        )
    return Tuned(forward)
