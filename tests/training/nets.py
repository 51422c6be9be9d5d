"""Small models of each kind that learns."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram

from toolkit.program.quantize import quantize_ptq

SAMPLE = (1, 1, 8, 8)


def mlp() -> nn.Module:
    """Return two linear layers."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 12), nn.ReLU(), nn.Linear(12, 5)).eval()


def cnn() -> nn.Module:
    """Return convolution, pools, a depthwise layer and a linear one, with a batch normalization."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.ReLU6(),
        nn.Conv2d(8, 16, 1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 5),
    ).eval()


def int8_cnn() -> ExportedProgram:
    """Return ``cnn`` quantized, with logits of a trained model's size."""
    rng = np.random.default_rng(0)
    net = cnn()
    with torch.no_grad():
        net[-1].weight *= 8
    return quantize_ptq(net, rng.normal(size=(16, *SAMPLE[1:])).astype(np.float32))


class Residual(nn.Module):
    """Two layers side by side between two others: one block of three."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.before, self.after = nn.Linear(8, 6), nn.Linear(6, 5)
        self.left, self.right = nn.Linear(6, 6), nn.Linear(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        x = self.before(x).relu()
        return self.after((self.left(x) + self.right(x.tanh())).relu() + x)  # type: ignore[no-any-return]
