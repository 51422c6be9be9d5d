"""Spiking MLP: fully connected layers with leaky integrate-and-fire neurons, and a leaky read-out, over a few steps."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn

from toolkit.models._preset import Preset
from toolkit.spiking.neurons import LI, LIF, Discretisation, Firing, Reset, Timing
from toolkit.spiking.surrogate import Surrogate
from toolkit.spiking.time import EachStep, InTime

PRESETS = {
    "digits": Preset("64-64-10 for 8x8 digits, 4 steps", (1, 8, 8), {"hidden": (64,), "classes": 10}),
    "mnist": Preset("784-400-400-10 for 28x28 images, 4 steps", (1, 28, 28), {"hidden": (400, 400)}),
}


class SpikingMlp(nn.Module):
    """Flatten, then linear layers with LIF neurons between; an LI read-out gives the logits."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: tuple[int, ...] = (64,),
        classes: int = 10,
        steps: int = 4,
        dt: float = 1e-3,
        discretisation: Discretisation = "exact",
        tau: float = 2e-3,
        reset: Reset = "subtract",
        surrogate: Surrogate = "arctan",
    ) -> None:
        super().__init__()
        self.steps = steps
        timing = Timing(dt, discretisation)
        r = 1.0 / (1.0 - timing.decay(tau))  # a step's input arrives whole
        self.flatten = nn.Flatten()
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise((math.prod(input_shape), *hidden)):
            layers.append(EachStep(nn.Linear(inputs, outputs)))
            layers.append(LIF(timing, Firing(reset=reset, surrogate=surrogate), tau, r))
        head = nn.Linear(hidden[-1] if hidden else math.prod(input_shape), classes)
        self.layers = InTime(*layers, EachStep(head), LI(timing, tau, r))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for samples of any shape: the read-out's mean over time."""
        return self.layers.mean_of(self.flatten(x), self.steps)


MODEL = SpikingMlp
