"""MobileNetV1: thirteen depthwise separable blocks (MLPerf Tiny's visual wake words at width 0.25).

A. Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", 2017,
table 1.
"""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._conv_block import conv_block, same_size, separable_block
from toolkit.models._preset import Preset

PRESETS = {
    "mlperf": Preset(
        "MLPerf Tiny visual wake words: 96x96 colour, person or not, 7,489,664 MACs",
        (3, 96, 96),
        {"width": 0.25, "classes": 2},
    ),
}

_STEM_CHANNELS = 32
# (channels at width 1, stride of the depthwise convolution)
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


class MobileNetV1(nn.Module):
    """A 3x3 convolution with stride 2, thirteen separable blocks, average pool, one fully connected layer."""

    def __init__(self, input_shape: tuple[int, int, int], width: float = 0.25, classes: int = 2) -> None:
        super().__init__()
        channels, image_height, image_width = input_shape
        size = (image_height, image_width)
        stem_channels = int(_STEM_CHANNELS * width)
        if stem_channels < 1:
            raise ValueError(f"width {width} leaves no channels in the first layer")
        self.stem = conv_block(channels, stem_channels, size, stride=2)
        size, channels = same_size(size, 2), stem_channels
        self.blocks = nn.Sequential()
        for full_channels, stride in _BLOCKS:
            block_channels = int(full_channels * width)
            self.blocks.append(separable_block(channels, block_channels, size, stride))
            size, channels = same_size(size, stride), block_channels
        self.pool = nn.AvgPool2d(size)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, height, width)``."""
        x = self.pool(self.blocks(self.stem(x)))
        logits: torch.Tensor = self.fc(self.flatten(x))
        return logits


MODEL = MobileNetV1
