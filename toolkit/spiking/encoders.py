"""Spikes made of numbers from 0 to 1: ``(n, ...)`` becomes ``(time, n, ...)``."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from toolkit.errors import ToolkitError
from toolkit.spiking.neurons import Neuron, States, Timing


def direct(x: Tensor, steps: int) -> Tensor:
    """Return ``x`` at each of ``steps`` steps: the first layer's neurons make the spikes."""
    return x.expand(steps, *x.shape)


def rate(x: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """Return spikes whose chance at each step is ``x``."""
    chance = torch.rand((steps, *x.shape), generator=generator)
    return (chance < x).to(x.dtype)


def latency(x: Tensor, steps: int) -> Tensor:
    """Return one spike for each value: at once for 1, at the last step for the smallest above 0, none for 0."""
    at = ((1.0 - x.clamp(0.0, 1.0)) * (steps - 1)).round()
    times = torch.arange(steps, dtype=x.dtype).view(-1, *[1] * x.dim())
    return ((times == at) & (x > 0)).to(x.dtype)


def delta(x: Tensor, threshold: float) -> Tensor:
    """Return 1, 0 or -1 for each step of ``x``, (time, n, ...): it has moved by ``threshold`` since the last spike.

    Raises:
        ToolkitError: ``threshold`` is not positive.
    """
    up, down = Delta(Timing(), threshold)(x).chunk(2, -1)
    return up - down


class Delta(Neuron):
    """One spike when a number has risen by ``threshold`` since its last spike, another when it has fallen.

    ``(time, n, ..., values)`` to twice the values: first those that rise, then those that fall. What is known begins
    at zero and moves by ``threshold`` with each spike.
    """

    names = ("known",)

    def __init__(self, timing: Timing, threshold: float) -> None:
        super().__init__(timing)
        if not 0 < threshold < math.inf:
            raise ToolkitError(f"a threshold of {threshold}", fix="give a number greater than 0")
        self.threshold = threshold

    def step(self, x: Tensor, states: States) -> tuple[Tensor, States]:
        """See ``Neuron``."""
        moved = x - states[0]
        up = (moved >= self.threshold).to(x.dtype)
        down = (moved <= -self.threshold).to(x.dtype)
        return torch.cat([up, down], -1), (states[0] + (up - down) * self.threshold,)
