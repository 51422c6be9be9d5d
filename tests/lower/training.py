"""Training steps as programs: a network's weights are buffers that a run changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

# of a weight, what is kept of it (zeros at first), its gradient and the learning rate: the new weight and what is kept
Optimizer = Callable[[Tensor, list[Tensor], Tensor, Tensor], tuple[Tensor, list[Tensor]]]


class TrainingStep(nn.Module):
    """A step of an optimizer for one sample, traced together with its gradients; gives the loss before the step."""

    def __init__(self, net: nn.Module, x: Tensor, optimizer: Optimizer, kept: int, rate: float) -> None:
        super().__init__()
        parameters = dict(net.named_parameters())
        self.count, self.kept = len(parameters), kept
        for i, parameter in enumerate(parameters.values()):
            self.register_buffer(f"weight_{i}", parameter.detach().clone())
            for j in range(kept):
                self.register_buffer(f"kept_{i}_{j}", torch.zeros_like(parameter))
        self.register_buffer("rate", torch.tensor([rate]))

        def step(states: list[list[Tensor]], x: Tensor, target: Tensor, rate: Tensor) -> Any:
            weights = [own[0].detach().requires_grad_() for own in states]
            out = torch.func.functional_call(net, dict(zip(parameters, weights, strict=True)), (x,))
            loss = -(F.log_softmax(out, -1) * target).sum()
            gradients = torch.autograd.grad(loss, weights)
            made = [
                optimizer(w.detach(), own[1:], g, rate)
                for w, own, g in zip(weights, states, gradients, strict=True)
            ]
            return loss.detach().reshape(1, 1), [[weight, *kept] for weight, kept in made]

        target = torch.zeros_like(net(x))
        self.traced = make_fx(step)(self.states(), x, target, self.rate)

    def states(self) -> list[list[Tensor]]:
        """Return each weight and what is kept of it."""
        names = [[f"weight_{i}", *(f"kept_{i}_{j}" for j in range(self.kept))] for i in range(self.count)]
        return [[getattr(self, name) for name in own] for own in names]

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        loss, after = self.traced(self.states(), x, target, self.rate)
        for own, new in zip(self.states(), after, strict=True):
            for buffer, value in zip(own, new, strict=True):
                buffer.copy_(value)
        return loss


def momentum(
    weight: Tensor, kept: list[Tensor], gradient: Tensor, rate: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """Gradient descent with momentum."""
    velocity = 0.9 * kept[0] + gradient
    return weight - rate * velocity, [velocity]
