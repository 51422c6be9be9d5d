"""Spike-driven transformer V2 in small: convolution blocks on spikes, then attention of spikes without a softmax.

See ``toolkit.spiking.methods.meta_spikeformer`` for the blocks (Yao et al. 2024, arXiv 2404.03663).
"""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._preset import Preset
from toolkit.spiking.encoders import direct
from toolkit.spiking.methods import meta_spikeformer as blocks
from toolkit.spiking.neurons import LIF, Discretisation, Firing, I, Reset, Timing
from toolkit.spiking.surrogate import Surrogate
from toolkit.spiking.time import EachStep, GlobalMean

PRESETS = {
    "digits": Preset("8x8 digits, 4 steps", (1, 8, 8), {"channels": (16, 32)}),
    "mnist": Preset(
        "28x28 grey images, 2 steps", (1, 28, 28), {"channels": (8, 32), "stride": 2, "steps": 2}
    ),
}


class MetaSpikeformer(nn.Module):
    """A stage of convolution blocks, one of half its height and width of attention blocks, and a linear layer.

    ``channels`` and ``blocks`` are of the two stages, ``stride`` of the first convolution; ``ratio`` is how many times
    as many channels blocks without full convolutions have inside.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        channels: tuple[int, int] = (16, 32),
        depth: tuple[int, int] = (1, 1),
        heads: int = 2,
        ratio: int = 2,
        stride: int = 1,
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
        planes, height, width = input_shape
        few, many = channels
        if many % heads:
            raise ValueError(f"{heads} heads do not share {many} channels evenly")

        def neurons(scale: float) -> LIF:
            return LIF(timing, Firing(reset=reset, surrogate=surrogate), tau, r * scale)

        for step in (stride, 2):
            height, width = ((side - 1) // step + 1 for side in (height, width))
        layers: list[nn.Module] = [blocks.convolution(planes, few, 3, stride)]
        for _ in range(depth[0]):
            layers += [blocks.separable(few, ratio, neurons), blocks.channel_convolution(few, neurons)]
        layers += [neurons(1.0), blocks.convolution(few, many, 3, 2)]
        for _ in range(depth[1]):
            layers.append(blocks.attention(many, heads, height * width, neurons))
            layers.append(blocks.channel_mlp(many, ratio, neurons))
        head = nn.Sequential(GlobalMean(), nn.Linear(many, classes))
        self.layers = nn.Sequential(*layers, neurons(1.0), EachStep(head), I(timing, 1.0 / (dt * steps)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, height, width)``: the steps' mean."""
        logits: torch.Tensor = self.layers(direct(x, self.steps))[-1]
        return logits


MODEL = MetaSpikeformer
