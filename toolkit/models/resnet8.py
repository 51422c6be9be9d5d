"""ResNet8: three residual stages for small colour images (MLPerf Tiny).

K. He et al., "Deep Residual Learning for Image Recognition", 2016, cut down by EEMBC for MLPerf Tiny's image
classification.
"""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._conv_block import Size, conv_block, same_size
from toolkit.models._preset import Preset

PRESETS = {
    "mlperf": Preset(
        "MLPerf Tiny image classification: 32x32 colour, 10 classes, 12,501,632 MACs",
        (3, 32, 32),
        {"channels": (16, 32, 64), "classes": 10},
    ),
}


class Stage(nn.Module):
    """Two 3x3 convolutions beside a shortcut, which is a plain 1x1 convolution where the shape changes."""

    def __init__(self, channels_in: int, channels_out: int, size: Size, stride: int) -> None:
        super().__init__()
        self.first = conv_block(channels_in, channels_out, size, stride=stride)
        self.second = conv_block(channels_out, channels_out, same_size(size, stride), relu=False)
        self.shortcut: nn.Module | None = None
        if stride != 1 or channels_in != channels_out:
            # a 1x1 kernel needs no padding at any stride; as in the reference, it has a bias and no BatchNorm
            self.shortcut = nn.Conv2d(channels_in, channels_out, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``(n, channels_out, height / stride, width / stride)``."""
        carried = x if self.shortcut is None else self.shortcut(x)
        out: torch.Tensor = self.relu(carried + self.second(self.first(x)))
        return out


class ResNet8(nn.Module):
    """A 3x3 convolution, stages of which all but the first halve the image, average pool, ``fc``."""

    def __init__(
        self, input_shape: tuple[int, int, int], channels: tuple[int, ...] = (16, 32, 64), classes: int = 10
    ) -> None:
        super().__init__()
        channels_in, height, width = input_shape
        size = (height, width)
        self.stem = conv_block(channels_in, channels[0], size)
        self.stages = nn.Sequential()
        previous = channels[0]
        for index, count in enumerate(channels):
            stride = 1 if index == 0 else 2
            self.stages.append(Stage(previous, count, size, stride))
            size, previous = same_size(size, stride), count
        self.pool = nn.AvgPool2d(size)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(previous, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for images ``(n, channels, height, width)``."""
        x = self.pool(self.stages(self.stem(x)))
        logits: torch.Tensor = self.fc(self.flatten(x))
        return logits


MODEL = ResNet8
