"""Small nets for files of other formats: convolutions with depthwise ones, a classifier's layers, attention."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.export import ExportedProgram

from toolkit.models._attention import Attention
from toolkit.program.quantize import quantize_ptq


class Images(nn.Module):
    """Convolution, pooling, depthwise convolution, fully connected layer: (1, 8, 8) in, 5 out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.depthwise = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, groups=6)
        self.head = nn.Linear(24, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the classes' scores."""
        x = torch.max_pool2d(torch.relu(self.conv(x)), 2)
        return self.head(torch.relu(self.depthwise(x)).flatten(1))


class Tokens(nn.Module):
    """Attention over five positions of width 8 and a fully connected layer behind their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.attention, self.head = nn.Linear(8, 8), Attention(8, 2), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the classes' scores."""
        x = self.inner(x)
        return self.head((x + self.attention(x)).mean(1))


SHAPES: dict[Callable[[], nn.Module], tuple[int, ...]] = {Images: (1, 8, 8), Tokens: (5, 8)}


def samples(make: Callable[[], nn.Module], count: int = 24) -> np.ndarray:
    """Return normal numbers in the shape that a net takes."""
    return np.random.default_rng(0).normal(size=(count, *SHAPES[make])).astype(np.float32)


def built(make: Callable[[], nn.Module]) -> nn.Module:
    """Return a net with weights from a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return make().eval()


def floating(make: Callable[[], nn.Module]) -> ExportedProgram:
    """Return a net in float32."""
    return torch.export.export(built(make), (torch.from_numpy(samples(make, 1)),))


def int8(make: Callable[[], nn.Module], **options: object) -> ExportedProgram:
    """Return a net in int8, or as ``quantize_ptq``'s ``options`` say."""
    return quantize_ptq(built(make), samples(make), **options)  # type: ignore[arg-type]


def ternary(make: Callable[[], nn.Module], *int8_layers: str) -> ExportedProgram:
    """Return a net whose weights are ternary, but for some layers."""
    net = built(make)
    with torch.no_grad():
        for name, layer in net.named_modules():
            if isinstance(layer, nn.Conv2d | nn.Linear) and name not in int8_layers:
                scale = layer.weight.abs().mean()
                layer.weight.copy_((layer.weight / scale).round().clamp(-1, 1) * scale)
    return quantize_ptq(net, samples(make), weights="ternary", int8_layers=int8_layers)
