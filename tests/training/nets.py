"""Small models of each kind that learns. Quantized ones are made once: nothing changes them."""

from __future__ import annotations

import functools

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


def separable() -> nn.Module:
    """Return convolutions with strides, in groups, depthwise and pointwise, some without a bias, and a hardtanh."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU6(),
        nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False),
        nn.Conv2d(8, 12, 3, padding=1, groups=4),
        nn.ReLU(),
        nn.Conv2d(12, 16, 1),
        nn.Hardtanh(),
        nn.AvgPool2d(2),
        nn.Conv2d(16, 6, 2, bias=False),
        nn.Flatten(),
        nn.Linear(6, 5, bias=False),
    ).eval()


def normed_cnn() -> nn.Module:
    """Return convolutions and a linear layer, each with a batch normalization that has statistics."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.BatchNorm2d(8, affine=False),
        nn.ReLU(),
        nn.Conv2d(8, 16, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 5),
        nn.BatchNorm1d(5, eps=1e-3),
    ).eval()
    for layer in net:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, 0, 0.2)
            nn.init.uniform_(layer.running_var, 0.3, 1.5)
            if layer.affine:
                nn.init.normal_(layer.weight, 0.8, 0.3)
                nn.init.normal_(layer.bias, 0, 0.1)
    return net


@functools.cache
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


class Transformer(nn.Module):
    """Two heads of attention over the rows of an image, and two layers with ``activation`` between them."""

    def __init__(self, norm: type[nn.Module] = nn.LayerNorm, activation: type[nn.Module] = nn.GELU) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.rows = nn.Linear(8, 16)
        self.norms = nn.ModuleList(norm(16) for _ in range(3))
        self.query, self.key, self.value, self.mixed = (nn.Linear(16, 16) for _ in range(4))
        self.up, self.activation, self.down = nn.Linear(16, 32), activation(), nn.Linear(32, 16)
        self.head = nn.Linear(16, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        x = self.rows(x.flatten(1, 2))
        y = self.norms[0](x)
        query, key, value = (
            layer(y).unflatten(-1, (2, 8)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        mixed = nn.functional.scaled_dot_product_attention(query, key, value)
        x = x + self.mixed(mixed.transpose(1, 2).flatten(2))
        x = x + self.down(self.activation(self.up(self.norms[1](x))))
        return self.head(self.norms[2](x).mean(1))  # type: ignore[no-any-return]


def transformer() -> nn.Module:
    """Return a transformer with layer norms and GELU."""
    return Transformer().eval()


def silu_transformer() -> nn.Module:
    """Return a transformer with root mean square norms and SiLU."""
    return Transformer(nn.RMSNorm, nn.SiLU).eval()


@functools.cache
def int8_swish_cnn() -> ExportedProgram:
    """Return a quantized net of convolutions with SiLU and hardswish."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 6, 3, stride=2, padding=1),
        nn.SiLU(),
        nn.Conv2d(6, 6, 3, padding=1, groups=6),
        nn.Hardswish(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 5),
    ).eval()
    with torch.no_grad():
        net[-1].weight *= 8
    return quantize_ptq(net, np.random.default_rng(0).normal(size=(16, *SAMPLE[1:])).astype(np.float32))


@functools.cache
def int8_transformer() -> ExportedProgram:
    """Return ``transformer`` quantized."""
    return quantize_ptq(
        transformer(), np.random.default_rng(0).normal(size=(16, *SAMPLE[1:])).astype(np.float32)
    )
