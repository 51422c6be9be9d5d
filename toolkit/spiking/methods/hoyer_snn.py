"""One time step: a neuron spikes where its potential reaches the Hoyer extremum of its layer's clipped potentials.

Potentials are measured in a threshold that is trained, clipped to 0..1, and pushed away from the extremum by the Hoyer
regularizer. Without a second step there is nothing to integrate or to leak: after training, a layer is a comparison
with a constant, and what it gives is binary, so that the next layer only adds.
"""

from __future__ import annotations

from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.autograd import Function

from quantize.method import Method
from toolkit.program import spikes
from toolkit.spiking.surrogate import Surrogate, spike

METHOD = Method(
    slug="hoyer-snn",
    title="Spiking networks of one time step, thresholds from the Hoyer extremum",
    paper="Hoyer Regularizer is all you need for Ultra Low-Latency Spiking Neural Networks, Datta et al. 2022, "
    "arXiv 2212.10170",
    kind="spiking",
    cost="one trained number per layer; points of accuracy against ReLU",
)

FIRST = 2.0  # threshold, of potentials that batch normalization makes: gradients reach twice as far
SMALLEST = 0.05  # threshold: below, potentials in units of it lose all meaning


def extremum(clipped: Tensor) -> Tensor:
    """Return where the Hoyer measure of ``clipped`` has its extremum, one number: ``sum(z ** 2) / sum(|z|)``."""
    z = clipped.float()
    return z.square().sum() / z.abs().sum().clamp(min=1e-6)


class HoyerSpike(nn.Module):
    """Neurons of one time step, one threshold for the layer.

    Args:
        strength: of the Hoyer regularizer, ``sum(|z|) ** 2 / sum(z ** 2)`` over the batch's clipped potentials ``z``.
            Its gradient is added to the loss's on the way back, so that every training loop has it.
        momentum: how much a batch moves the running extremum, which evaluation takes.
    """

    def __init__(self, strength: float = 1e-8, momentum: float = 0.1) -> None:
        super().__init__()
        self.strength, self.momentum = strength, momentum
        self.surrogate: Surrogate | None = (
            None  # whose gradient stands in for the paper's, as an attacker may want
        )
        self.v_threshold = nn.Parameter(torch.tensor(FIRST))
        self.register_buffer("running_extremum", torch.tensor(0.5))
        self.running_extremum: Tensor
        self.level = 0.0  # threshold times extremum, as a number for programs
        self.register_load_state_dict_post_hook(_relevel)

    def train(self, mode: bool = True) -> Self:
        """See ``nn.Module``; evaluation fixes the level at which neurons spike."""
        self.level = float((self._unit() * self.running_extremum).detach())
        return super().train(mode)

    def forward(self, x: Tensor) -> Tensor:
        """Return 1.0 where a potential has reached threshold times extremum, else 0.0; the shape of ``x``."""
        if torch.compiler.is_exporting():
            return spikes.fire(x, None, self.level)
        unit = self._unit()
        if self.training:
            with torch.no_grad():
                at = extremum((x / unit).clamp(0, 1))
                self.running_extremum.lerp_(at, self.momentum)
        else:
            at = self.running_extremum
        if self.surrogate is not None:
            return spike(x - unit * at, self.surrogate)
        if not torch.is_grad_enabled():
            return (x >= unit * at).to(x.dtype)
        return _Fire.apply(x, unit, at, self.strength if self.training else 0.0)  # type: ignore[no-any-return, no-untyped-call]

    def _unit(self) -> Tensor:
        return self.v_threshold.clamp(min=SMALLEST)


def _relevel(layer: nn.Module, _: object) -> None:
    layer.train(layer.training)


class _Fire(Function):
    """Spikes, with the paper's gradient, and that of the regularizer, by potentials in units of the threshold."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, unit: Tensor, at: Tensor, strength: float) -> Tensor:
        ctx.save_for_backward(x, unit.clone(), at.clone())
        ctx.strength = strength
        return (x >= unit * at).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, unit, at = ctx.saved_tensors
        z = x / unit
        above = z > 0
        by_z = gradients[0] * (above & (z < 2))
        if ctx.strength:
            by_z += (2 * ctx.strength / at) * (1 - z / at) * (above & (z < 1))
        return by_z / unit, -(by_z * z).sum(dtype=torch.float32) / unit, None, None
