"""Nodes of NIR that torch has as modules: linear layers, convolutions, pools, flatten."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toolkit.spiking.layers import StackedLinear
from toolkit.spiking.nir.node import Node, Shape

Own = dict[str, Any]
_CONV: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d}


def _tensor(array: np.ndarray) -> Tensor:
    return torch.from_numpy(array.astype(np.float32, copy=True))


def _parameters(module: nn.Module, weight: np.ndarray, bias: np.ndarray | None) -> nn.Module:
    with torch.no_grad():
        module.weight = nn.Parameter(_tensor(weight))
        if bias is not None:
            module.bias = nn.Parameter(_tensor(bias))
    return module


def _weight(node: Node, least: int) -> np.ndarray:
    weight = node.numbers("weight")
    if weight.ndim < least or not weight.size:
        raise node.error(f"has weights of shape {weight.shape}")
    return weight


def linear_takes(node: Node) -> Shape:
    """Return ``(..., inputs)`` for weights ``(..., outputs, inputs)``."""
    *rows, _, inputs = _weight(node, 2).shape
    return (*rows, inputs)


def linear_gives(node: Node, shape: Shape) -> Shape:
    """Return ``(..., outputs)``."""
    return _weight(node, 2).shape[:-1]


def linear(node: Node, shape: Shape, own: Own) -> nn.Module:
    """Return a linear layer; one for each row where weights have more than two axes."""
    weight = _weight(node, 2)
    bias = node.numbers("bias") if node.type == "Affine" else None
    if bias is not None and bias.shape not in (weight.shape[:-1], weight.shape[-2:-1]):
        raise node.error(f"has weights of shape {weight.shape} and a bias of shape {bias.shape}")
    if weight.ndim > 2:
        return StackedLinear(_tensor(weight), None if bias is None else _tensor(bias))
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    return _parameters(made, weight, bias)


def _axes(node: Node) -> int:
    return 1 if node.type == "Conv1d" else 2


def _padding(node: Node, axes: int) -> str | tuple[int, ...]:
    given = node.values.get("padding")
    if isinstance(given, bytes):
        given = given.decode(errors="replace")
    if isinstance(given, str):
        if given not in ("same", "valid"):
            raise node.error(f"has a padding {given!r}, neither 'same' nor 'valid' nor numbers")
        return given
    return node.whole("padding", 0, axes)


def _kernel(node: Node) -> np.ndarray:
    weight = _weight(node, 2 + _axes(node))
    if weight.ndim != 2 + _axes(node):
        raise node.error(f"has weights of shape {weight.shape}")
    return weight


def conv_takes(node: Node) -> Shape | None:
    """Return channels and places where the node says how many places."""
    axes, weight = _axes(node), _kernel(node)
    if not node.has("input_shape"):
        return None
    return (weight.shape[1] * node.whole("groups", 1)[0], *node.whole("input_shape", 1, axes))


def conv_gives(node: Node, shape: Shape) -> Shape:
    """Return channels and places after the convolution."""
    axes, weight = _axes(node), _kernel(node)
    channels = weight.shape[1] * node.whole("groups", 1)[0]
    if len(shape) != axes + 1 or shape[0] != channels:
        raise node.error(f"takes {channels} channels and {axes} axes, but gets the shape {list(shape)}")
    padding, stride = _padding(node, axes), node.whole("stride", 1, axes)
    if padding == "same":
        if set(stride) != {1}:
            raise node.error("has the padding 'same' and a stride")
        return (weight.shape[0], *shape[1:])
    pads = (0,) * axes if isinstance(padding, str) else padding
    return (weight.shape[0], *_slid(node, shape[1:], weight.shape[2:], pads, stride))


def _slid(node: Node, sides: Shape, kernel: Shape, pads: tuple[int, ...], stride: tuple[int, ...]) -> Shape:
    dilation = node.whole("dilation", 1, len(sides)) if node.has("dilation") else (1,) * len(sides)
    found = []
    for side, taps, pad, step, apart in zip(sides, kernel, pads, stride, dilation, strict=True):
        room = side + 2 * pad - apart * (taps - 1) - 1
        if room < 0:
            raise node.error(f"has a kernel of {list(kernel)} for a picture of {list(sides)}")
        found.append(room // step + 1)
    return tuple(found)


def conv(node: Node, shape: Shape, own: Own) -> nn.Module:
    """Return a convolution."""
    axes, weight, bias = _axes(node), _kernel(node), node.numbers("bias")
    groups = node.whole("groups", 1)[0]
    if bias.shape != weight.shape[:1] or weight.shape[0] % groups:
        raise node.error(
            f"has weights of shape {weight.shape}, {groups} groups and a bias of shape {bias.shape}"
        )
    made = _CONV[axes](
        shape[0], weight.shape[0], weight.shape[2:], node.whole("stride", 1, axes), _padding(node, axes),
        node.whole("dilation", 1, axes), groups, device="meta",
    )  # fmt: skip
    return _parameters(made, weight, bias)


def pool_gives(node: Node, shape: Shape) -> Shape:
    """Return channels and places after the pool."""
    if len(shape) != 3:
        raise node.error(f"takes channels, height and width, but gets the shape {list(shape)}")
    kernel, pads = node.whole("kernel_size", 1, 2), node.whole("padding", 0, 2)
    if any(2 * pad > side for pad, side in zip(pads, kernel, strict=True)):
        raise node.error(f"has a padding of {list(pads)}, more than half of its kernel of {list(kernel)}")
    return (shape[0], *_slid(node, shape[1:], kernel, pads, node.whole("stride", 1, 2)))


def pool(node: Node, shape: Shape, own: Own) -> nn.Module:
    """Return an average over windows, padding counted; or their sum."""
    kernel, stride, padding = (
        _pair(node.whole(key, least, 2)) for key, least in (("kernel_size", 1), ("stride", 1), ("padding", 0))
    )
    divisor = 1 if node.type == "SumPool2d" else None
    return nn.AvgPool2d(kernel, stride, padding, divisor_override=divisor)


def _pair(sizes: tuple[int, ...]) -> tuple[int, int]:
    height, width = sizes
    return height, width


def flatten_takes(node: Node) -> Shape | None:
    """Return the shape that the node says."""
    return node.shape("input_type") if node.has("input_type") else None


def _ends(node: Node, axes: int) -> tuple[int, int]:
    given = [node.numbers(key).reshape(-1) for key in ("start_dim", "end_dim")]
    if any(each.size != 1 or each[0] != int(each[0]) for each in given):
        raise node.error("flattens axes that are no whole numbers")
    first, last = (int(each[0]) for each in given)
    first, last = first + axes * (first < 0), last + axes * (last < 0)
    if not 0 <= first <= last < axes:
        raise node.error(f"flattens the axes {first} to {last} of {axes}")
    return first, last


def flatten_gives(node: Node, shape: Shape) -> Shape:
    """Return the shape with some axes made one."""
    first, last = _ends(node, len(shape))
    return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])


def flatten(node: Node, shape: Shape, own: Own) -> nn.Module:
    """Return what flattens; torch counts the axis of samples, too."""
    first, last = _ends(node, len(shape))
    return nn.Flatten(first + 1, last + 1)
