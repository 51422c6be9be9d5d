"""Statistical mechanics of continual learning: variational principle and mean-field potential (arXiv 2212.02846).

A weight is +1 or -1 by chance, on average ``tanh(theta)``, and ``theta`` learns, through noisy weights of that mean and
variance. What is deployed is the sign; the last epochs train with it, so that normalizations know it. The distribution
that one task leaves is the next one's prior: weights that the first task was sure of are pulled back to it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from quantize.lowbit._layers import SMALLEST_SCALE, bake_integers, learning_layers
from quantize.method import Flow, Method, Training, between
from quantize.straight_through import straight_through

if TYPE_CHECKING:
    from torch.export import ExportedProgram

METHOD = Method(
    slug="binary-variational",
    title="Binary weights by chance, whose sureness keeps what was learnt before",
    paper="Statistical mechanics of continual learning: variational principle and mean-field potential, "
    "Li et al. 2023, arXiv 2212.02846",
    kind="lowbit",
    cost="stored in 2 bits per weight; noise in training; a few points below float in small nets",
)


@dataclass(frozen=True)
class Options(Training):
    """How strongly the prior pulls.

    Args:
        prior: weight of the divergence from the prior, per sample; one over the number of samples is Bayes' rule.
        settle: epochs, after the others, with signs instead of noisy weights.
        keep_first: the first layer in int8.
        keep_last: the last layer in int8.
    """

    prior: float = between(0.0, 1.0, 0.0)
    settle: int = between(0, 100_000, 3)
    keep_first: bool = False
    keep_last: bool = False


class _Pulled(torch.autograd.Function):
    """The identity, whose backward pass adds the gradient of the divergence from the prior."""

    @staticmethod
    def forward(ctx: Any, theta: Tensor, before: Tensor, strength: float) -> Tensor:
        ctx.save_for_backward(theta, before)
        ctx.strength = strength
        return theta.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        theta, before = ctx.saved_tensors
        # theta is the natural parameter of a spin, so d KL / d theta = (theta - theta_0) * variance
        pull = (theta - before) * (1 - theta.tanh().square())
        return grad_outputs[0] + ctx.strength * pull, None, None


class Spins(nn.Module):
    """Parametrization: ``theta`` in; noisy weights out in training, ``scale * sign(theta)`` in evaluation."""

    scale: Tensor
    before: Tensor

    def __init__(self, weight: Tensor, prior: float) -> None:
        super().__init__()
        magnitude = weight.detach().abs().flatten(1).mean(1).clamp_min(SMALLEST_SCALE)
        self.register_buffer("scale", magnitude.reshape(-1, *(1,) * (weight.dim() - 1)))
        self.register_buffer("before", torch.zeros_like(weight))  # theta of the prior; 0 knows nothing
        self.prior = prior
        self.noisy = True

    def integers(self, theta: Tensor) -> Tensor:
        """Return the likelier value of each weight, -1 or 1, as float32."""
        return torch.where(theta < 0, -1.0, 1.0)

    def forward(self, theta: Tensor) -> Tensor:
        """Return the weights."""
        pulled = _Pulled.apply(theta, self.before, self.prior)
        if not (self.noisy and self.training):
            return straight_through(lambda t: self.integers(t) * self.scale, pulled)
        mean = pulled.tanh()
        return (mean + (1 - mean.square()).sqrt() * torch.randn_like(mean)) * self.scale

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return the ``theta`` whose mean weight is ``weight``, where it lies between the two values."""
        return (weight / self.scale).clamp(-0.9, 0.9).atanh()


def apply(model: nn.Module, options: Options | None = None) -> list[str]:
    """Make ``model``'s linear and convolution layers binary by chance, in place; return their names."""
    options = options or Options()
    layers = learning_layers(model, options.keep_first, options.keep_last)
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", Spins(layer.weight, options.prior))
    return list(layers)


def remember(model: nn.Module, prior: float) -> None:
    """Make what ``model`` knows now the prior of what it learns next, with that weight."""
    for layer in model.modules():
        if parametrize.is_parametrized(layer, "weight"):
            rule: Any = layer.parametrizations["weight"]  # type: ignore[index]
            rule[0].before.copy_(rule.original.detach())
            rule[0].prior = prior


def settle(model: nn.Module) -> None:
    """Let ``model`` train with the signs of its weights from now on."""
    for module in model.modules():
        if isinstance(module, Spins):
            module.noisy = False


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` with binary weights; see ``quantize.method.QuantizeMethod``."""
    trained = copy.deepcopy(model)
    names = apply(trained, options)
    flow.train(trained, options)
    if options.settle:
        settle(trained)
        flow.train(trained, replace(options, epochs=options.settle))
    return flow.program(trained, integers=bake_integers(trained, names))
