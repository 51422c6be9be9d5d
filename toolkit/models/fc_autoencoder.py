"""Fully connected autoencoder: how badly it rebuilds a sound tells how unusual the sound is (MLPerf Tiny).

The reference model of MLPerf Tiny's anomaly detection, from DCASE 2020 task 2. Its output is the rebuilt
input, not logits; the anomaly score is the mean squared error between the two.
"""

from __future__ import annotations

from collections import OrderedDict
from math import prod

import torch
from torch import nn

from toolkit.models._preset import Preset

PRESETS = {
    "mlperf": Preset(
        "MLPerf Tiny anomaly detection: 5 frames of 128 mel bands in and out, 264,192 MACs",
        (640,),
        {"hidden": (128, 128, 128, 128, 8, 128, 128, 128, 128)},
    ),
}


class FcAutoencoder(nn.Module):
    """Fully connected layers with BatchNorm and ReLU through a narrow middle; the last one is plain."""

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: tuple[int, ...] = (128, 128, 128, 128, 8, 128, 128, 128, 128),
    ) -> None:
        super().__init__()
        features = prod(input_shape)
        widths = (features, *hidden)
        self.blocks = nn.Sequential()
        for inputs, outputs in zip(widths, hidden, strict=False):
            # no bias: BatchNorm's takes its place when the two are folded
            fc = nn.Linear(inputs, outputs, bias=False)
            self.blocks.append(nn.Sequential(OrderedDict(fc=fc, bn=nn.BatchNorm1d(outputs), relu=nn.ReLU())))
        self.fc = nn.Linear(widths[-1], features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the rebuilt input, in the input's own shape."""
        rebuilt: torch.Tensor = self.fc(self.blocks(x.flatten(1)))
        return rebuilt.reshape(x.shape)


MODEL = FcAutoencoder
