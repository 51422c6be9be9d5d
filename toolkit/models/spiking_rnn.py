"""Spiking recurrent network: an image is read row by row, and neurons also hear their layer's spikes of a step before.

A row is a step's input (or that of a few), so the network needs a memory, which its potentials, its recurrent weights
and, where neurons adapt, their thresholds are.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from toolkit.models._preset import Preset
from toolkit.spiking.neurons import LI, LIF, AdaptiveLIF, Discretisation, Firing, Recurrent, Reset, Timing
from toolkit.spiking.surrogate import Surrogate
from toolkit.spiking.time import EachStep, InTime

Kind = Literal["lif", "adaptive"]

PRESETS = {
    "digits": Preset(
        "8 rows of 8, twice each: 128 neurons, 18,826 weights", (1, 8, 8), {"hidden": (128,), "repeats": 2}
    ),
    "mnist": Preset(
        "28 rows of 28: 128 neurons, 21,386 weights", (1, 28, 28), {"hidden": (128,), "tau": 1e-2}
    ),
}


class SpikingRnn(nn.Module):
    """``hidden`` layers of neurons, recurrent unless ``recurrent`` is False, and an LI read-out.

    ``tau`` is of the potentials, ``tau_out`` of the read-out, ``tau_adaptation`` of the thresholds of "adaptive"
    neurons, which rise by ``strength``; all seconds.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        hidden: tuple[int, ...] = (64,),
        classes: int = 10,
        repeats: int = 1,
        recurrent: bool = True,
        neuron: Kind = "lif",
        dt: float = 1e-3,
        discretisation: Discretisation = "exact",
        tau: float = 5e-3,
        tau_out: float = 1e-2,
        tau_adaptation: float = 5e-2,
        strength: float = 1.0,
        reset: Reset = "subtract",
        surrogate: Surrogate = "arctan",
    ) -> None:
        super().__init__()
        if repeats < 1 or not hidden:
            raise ValueError("a spiking network reads each row at least once and has a hidden layer")
        if neuron not in ("lif", "adaptive"):
            raise ValueError(f"no neuron is called {neuron!r}; there are lif and adaptive")
        self.repeats = repeats
        timing, firing = Timing(dt, discretisation), Firing(reset=reset, surrogate=surrogate)
        # a step's input arrives whole
        r, r_out = (1.0 / (1.0 - timing.decay(each)) for each in (tau, tau_out))
        channels, _, width = input_shape
        count = channels * width
        layers: list[nn.Module] = []
        for size in hidden:
            own: LIF = (
                AdaptiveLIF(timing, firing, tau, tau_adaptation, strength, r)
                if neuron == "adaptive"
                else LIF(timing, firing, tau, r)
            )
            layers.append(EachStep(nn.Linear(count, size)))
            layers.append(Recurrent(own, _recurrent(size)) if recurrent else own)
            count = size
        self.layers = InTime(*layers, EachStep(nn.Linear(count, classes)), LI(timing, tau_out, r_out))

    def encode(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return each step's input, ``(n, channels * width)``, of images ``(n, channels, height, width)``."""
        return [x[:, :, row].flatten(1) for row in range(x.shape[2]) for _ in range(self.repeats)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)``: the read-out's mean over time."""
        steps = self.encode(x)
        outputs = (
            self.layers.outputs(steps) if torch.compiler.is_exporting() else self.layers(torch.stack(steps))
        )
        if isinstance(outputs, list):
            outputs = torch.stack(outputs)
        logits: torch.Tensor = outputs.mean(0)
        return logits


def _recurrent(size: int) -> nn.Linear:
    """Return recurrent weights that begin small: a network that excites itself fires without end."""
    layer = nn.Linear(size, size, bias=False)
    nn.init.normal_(layer.weight, std=0.5 / size**0.5)
    return layer


MODEL = SpikingRnn
