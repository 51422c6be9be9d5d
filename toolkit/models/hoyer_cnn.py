"""CNN of spikes in one time step: convolutions whose neurons compare once with a threshold, and a plain read-out."""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._preset import Preset
from toolkit.models.cnn import PRESETS as CNN
from toolkit.models.cnn import Layer
from toolkit.spiking.methods.hoyer_snn import HoyerSpike
from toolkit.spiking.time import GlobalMean

PRESETS = {
    "digits": Preset(
        "8x8 digits, one step: 19,056 weights", CNN["digits"].input_shape, CNN["digits"].settings
    ),
    "mnist": Preset(
        "28x28 grey images, one step: 46,864 weights", CNN["mnist"].input_shape, CNN["mnist"].settings
    ),
    "cifar10": Preset(
        "32x32 colour images, one step: 962,752 weights, 41,944,576 MACs",
        (3, 32, 32),
        {"layers": ((64, 1, 1), (128, 1, 1), (256, 1, 1), (256, 1, 1)), "pooled": (1, 2, 3), "classes": 10},
    ),
}


class HoyerCnn(nn.Module):
    """``layers`` of 3x3 convolution, BatchNorm and spikes, then their average and a linear layer.

    After the layers whose numbers are in ``pooled``, counted from 1, only the largest of 2x2 potentials spikes.
    """

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        layers: tuple[Layer, ...] = ((16, 1, 1),),
        pooled: tuple[int, ...] = (),
        classes: int = 10,
        strength: float = 1e-8,
    ) -> None:
        super().__init__()
        channels, height, width = input_shape
        blocks: list[nn.Module] = []
        for index, (count, stride, padding) in enumerate(layers, start=1):
            half = 2 if index in pooled else 1
            height, width = (((side + 2 * padding - 3) // stride + 1) // half for side in (height, width))
            if min(height, width) < 1:
                raise ValueError(f"nothing is left of a {input_shape} image after convolution {index}")
            block = [nn.Conv2d(channels, count, 3, stride, padding, bias=False), nn.BatchNorm2d(count)]
            pool = [nn.MaxPool2d(2)] if half == 2 else []
            blocks.append(nn.Sequential(*block, *pool, HoyerSpike(strength)))
            channels = count
        self.blocks = nn.Sequential(*blocks)
        self.mean = GlobalMean()
        self.fc = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # channels last: trains faster by a third
                module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, height, width)``."""
        logits: torch.Tensor = self.fc(self.mean(self.blocks(x)))
        return logits


MODEL = HoyerCnn
