"""Spiking CNN: convolutions with leaky integrate-and-fire neurons, and a leaky read-out, over a few steps.

The image itself is the first layer's input at each step (direct encoding), so that layer's neurons make the spikes.
"""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._preset import Preset
from toolkit.models.cnn import PRESETS as CNN
from toolkit.models.cnn import Layer
from toolkit.spiking.neurons import LI, LIF, Discretisation, Firing, Reset, Timing
from toolkit.spiking.surrogate import Surrogate
from toolkit.spiking.time import EachStep, GlobalMean, InTime

PRESETS = {  # the plain CNN's layers
    name: Preset(f"{pictures}, 4 steps: {weights} weights", CNN[name].input_shape, CNN[name].settings)
    for name, pictures, weights in (
        ("digits", "8x8 digits", "19,056"),
        ("mnist", "28x28 grey images", "46,864"),
    )
}


class SpikingCnn(nn.Module):
    """``layers`` of 3x3 convolution, BatchNorm and LIF neurons, an average, a linear layer, and an LI read-out."""

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        layers: tuple[Layer, ...] = ((16, 1, 1),),
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
        channels, height, width = input_shape
        blocks: list[nn.Module] = []
        for count, stride, padding in layers:
            height, width = ((side + 2 * padding - 3) // stride + 1 for side in (height, width))
            if min(height, width) < 1:
                raise ValueError(
                    f"nothing is left of a {input_shape} image after {len(blocks) // 2 + 1} convolutions"
                )
            conv = nn.Conv2d(channels, count, 3, stride, padding, bias=False)
            blocks.append(EachStep(nn.Sequential(conv, nn.BatchNorm2d(count))))
            blocks.append(LIF(timing, Firing(reset=reset, surrogate=surrogate), tau, r))
            channels = count
        head = nn.Sequential(GlobalMean(), nn.Linear(channels, classes))
        self.layers = InTime(*blocks, EachStep(head), LI(timing, tau, r))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, height, width)``: the read-out's mean over time."""
        return self.layers.mean_of(x, self.steps)


MODEL = SpikingCnn
