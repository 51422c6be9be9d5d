"""Small CNN: a few 3x3 convolutions, the average over what is left of the image, one fully connected layer.

Strides do the work of pooling, and the last convolutions go without padding: both save multiplications where
the image has least to say. Without a bottleneck or a depthwise layer every convolution sums over many
products, which is what ternary weights need to keep their accuracy.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from toolkit.models._preset import Preset

Layer = tuple[int, int, int]  # channels, stride, padding

PRESETS = {
    "digits": Preset(
        "8x8 digits: 19,056 weights, 138,720 MACs",
        (1, 8, 8),
        {"layers": ((16, 1, 1), (32, 2, 1), (48, 1, 0)), "classes": 10},
    ),
    "mnist": Preset(
        "28x28 grey images: 46,864 weights (11.7 KB at 2 bits), 849,088 MACs",
        (1, 28, 28),
        {"layers": ((16, 2, 1), (32, 2, 1), (48, 1, 0), (64, 1, 0)), "classes": 10},
    ),
}


class Cnn(nn.Module):
    """Blocks ``conv1`` and so on of convolution, BatchNorm and ReLU, then ``pool`` and ``fc``.

    ``layers`` has one (channels, stride, padding) for every 3x3 convolution.
    """

    def __init__(
        self, input_shape: tuple[int, int, int], layers: tuple[Layer, ...] = ((16, 1, 1),), classes: int = 10
    ) -> None:
        super().__init__()
        channels, height, width = input_shape
        blocks: OrderedDict[str, nn.Module] = OrderedDict()
        for index, (count, stride, padding) in enumerate(layers, start=1):
            height, width = ((side + 2 * padding - 3) // stride + 1 for side in (height, width))
            if min(height, width) < 1:
                raise ValueError(f"nothing is left of a {input_shape} image after convolution {index}")
            conv = nn.Conv2d(channels, count, 3, stride, padding, bias=False)
            blocks[f"conv{index}"] = nn.Sequential(
                OrderedDict(conv=conv, bn=nn.BatchNorm2d(count), relu=nn.ReLU())
            )
            channels = count
        self.blocks = nn.Sequential(blocks)
        self.pool = nn.AvgPool2d((height, width))
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, height, width)``."""
        logits: torch.Tensor = self.fc(self.flatten(self.pool(self.blocks(x))))
        return logits


MODEL = Cnn
