"""DS-CNN: depthwise separable convolutions for keyword spotting (MLPerf Tiny).

Y. Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers", 2017; the sizes are those of MLPerf
Tiny's reference model. Its dropout, which acts in training only, is left out.
"""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._conv_block import conv_block, same_size, separable_block
from toolkit.models._preset import Preset

PRESETS = {
    "mlperf": Preset(
        "MLPerf Tiny keyword spotting: 49 frames of 10 MFCCs, 12 classes, 2,656,768 MACs",
        (1, 49, 10),
        {"channels": 64, "blocks": 4, "classes": 12},
    ),
}


class DsCnn(nn.Module):
    """A 10x4 convolution with stride 2, separable 3x3 blocks, average pool, one fully connected layer."""

    def __init__(
        self, input_shape: tuple[int, int, int], channels: int = 64, blocks: int = 4, classes: int = 12
    ) -> None:
        super().__init__()
        channels_in, height, width = input_shape
        self.stem = conv_block(channels_in, channels, (height, width), kernel=(10, 4), stride=2)
        inner = same_size((height, width), 2)
        self.blocks = nn.Sequential(*(separable_block(channels, channels, inner) for _ in range(blocks)))
        self.pool = nn.AvgPool2d(inner)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for spectrograms ``(n, channels, frames, coefficients)``."""
        x = self.pool(self.blocks(self.stem(x)))
        logits: torch.Tensor = self.fc(self.flatten(x))
        return logits


MODEL = DsCnn
