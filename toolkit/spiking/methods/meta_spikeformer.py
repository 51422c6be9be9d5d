"""Blocks of the spike-driven transformer V2 (Yao et al. 2024, arXiv 2404.03663), of a size for microcontrollers.

Between layers only spikes go, so products with weights are sums of those that a spike chooses. What is added up from
block to block (the paper's membrane shortcut) are potentials. Attention is of a step's own spikes: queries, keys and
values are zeros and ones, there is no softmax, and keys meet values first (SDSA-3, section 3.3), which costs
(channels of a head)^2 a token in place of one product for each pair of tokens.

All blocks take ``(time, n, channels, height, width)``, or one step of that where they stream.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.spiking.neurons import LIF
from toolkit.spiking.time import EachStep

METHOD = Method(
    slug="meta-spikeformer",
    title="Spike-driven transformer V2: convolution blocks, then attention of spikes",
    paper="Spike-driven Transformer V2: Meta Spiking Neural Network Architecture Inspiring the Design of "
    "Next-generation Neuromorphic Chips, Yao et al. 2024, arXiv 2404.03663",
    kind="spiking",
    cost="trains longer than a convolutional spiking network of its size",
)

# Makes neurons for what is multiplied by the given number before.
Neurons = Callable[[float], LIF]


def convolution(channels: int, count: int, size: int = 1, stride: int = 1, groups: int = 1) -> EachStep:
    """Return a convolution that keeps the image's size but for ``stride``, and its batch normalization."""
    conv = nn.Conv2d(channels, count, size, stride, size // 2, groups=groups, bias=False)
    return EachStep(nn.Sequential(conv, nn.BatchNorm2d(count)))


class Shortcut(nn.Sequential):
    """Layers whose result is added to what came in."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` and what the layers make of it."""
        added: Tensor = x + super().forward(x)
        return added


class SpikeAttention(nn.Module):
    """``q (k^T v)`` of spikes, in ``heads``, for each image of ``(n, 3 * channels, height, width)``: q, k, v."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, channels, height, width)``: for each token, how often its query met keys and these a value."""
        height, width = x.shape[2:]
        query, key, value = x.reshape(x.shape[0], 3 * self.heads, -1, height * width).chunk(
            3, 1
        )  # (n, heads, size, tokens)
        met = torch.matmul(value, key.transpose(-2, -1))  # (n, heads, size of values, size of keys)
        return torch.matmul(met, query).reshape(x.shape[0], -1, height, width)


def attention(channels: int, heads: int, tokens: int, neurons: Neurons) -> Shortcut:
    """Return a block of attention: every product is of spikes.

    The scale lies in the gain of the neurons behind: what meets where a quarter of all neurons spike counts as one.
    """
    scale = 4**3 * heads / (channels * tokens)
    return Shortcut(
        neurons(1.0),
        convolution(channels, 3 * channels),
        neurons(1.0),
        EachStep(SpikeAttention(heads)),
        neurons(scale),
        convolution(channels, channels),
    )


def channel_mlp(channels: int, ratio: int, neurons: Neurons) -> Shortcut:
    """Return a block of two linear layers for each token."""
    hidden = channels * ratio
    return Shortcut(neurons(1.0), convolution(channels, hidden), neurons(1.0), convolution(hidden, channels))


def separable(channels: int, ratio: int, neurons: Neurons) -> Shortcut:
    """Return a block that mixes tokens: to more channels, each with its neighbourhood, and back."""
    hidden = channels * ratio
    inner = nn.Sequential(
        nn.Conv2d(hidden, hidden, 3, 1, 1, groups=hidden, bias=False),
        nn.Conv2d(hidden, channels, 1, bias=False),
        nn.BatchNorm2d(channels),
    )
    return Shortcut(neurons(1.0), convolution(channels, hidden), neurons(1.0), EachStep(inner))


def channel_convolution(channels: int, neurons: Neurons) -> Shortcut:
    """Return a block that mixes channels by two full convolutions."""
    first, second = (convolution(channels, channels, 3) for _ in range(2))
    return Shortcut(neurons(1.0), first, neurons(1.0), second)
