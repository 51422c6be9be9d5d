"""The block that every convolutional family is made of: convolution, BatchNorm, ReLU, with TensorFlow's
padding.

``same`` padding in TensorFlow puts the odd row or column *after* the data, so with stride 2 it is not the
padding that ``nn.Conv2d`` can do; an explicit ``nn.ZeroPad2d`` goes before the convolution then. This is what
the MLPerf Tiny reference models compute.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

Size = tuple[int, int]  # height, width


def same_size(size: Size, stride: int) -> Size:
    """Return the output size of a ``same``-padded layer."""
    return -(-size[0] // stride), -(-size[1] // stride)


def conv_block(
    channels_in: int,
    channels_out: int,
    size: Size,
    *,
    kernel: Size = (3, 3),
    stride: int = 1,
    groups: int = 1,
    relu: bool = True,
) -> nn.Sequential:
    """Return ``pad`` (only where it must be explicit), ``conv``, ``bn`` and, unless switched off, ``relu``.

    ``size`` is the input's; the output has ``same_size(size, stride)``. The convolution has no bias of its
    own, since BatchNorm's takes its place when the two are folded.
    """
    height, width = (_same_padding(s, k, stride) for s, k in zip(size, kernel, strict=True))
    symmetric = height[0] == height[1] and width[0] == width[1]
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    if not symmetric:
        layers["pad"] = nn.ZeroPad2d((*width, *height))
    padding = (height[0], width[0]) if symmetric else (0, 0)
    layers["conv"] = nn.Conv2d(channels_in, channels_out, kernel, stride, padding, groups=groups, bias=False)
    layers["bn"] = nn.BatchNorm2d(channels_out)
    if relu:
        layers["relu"] = nn.ReLU()
    return nn.Sequential(layers)


def separable_block(channels_in: int, channels_out: int, size: Size, stride: int = 1) -> nn.Sequential:
    """Return a depthwise 3x3 block and a pointwise one, named ``depthwise`` and ``pointwise``."""
    depthwise = conv_block(channels_in, channels_in, size, stride=stride, groups=channels_in)
    pointwise = conv_block(channels_in, channels_out, same_size(size, stride), kernel=(1, 1))
    return nn.Sequential(OrderedDict(depthwise=depthwise, pointwise=pointwise))


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after one axis."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2
