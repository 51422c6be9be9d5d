"""Convolutions, ordinary and transposed, over one or two axes."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, reshaped
from toolkit.program.onnx.operators.window import Window, window
from toolkit.program.onnx.refusal import UnsupportedError

_NAMES = ("x", "weight", "bias")


def _conv(node: Node) -> Computed:
    groups = _groups(node, channels_axis=1)
    w = _window(node)

    def compute(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        x = w.enter(x)
        padding = w.begins if w.symmetric else (0, 0)
        x = x if w.symmetric else w.padded(x)
        return w.leave(F.conv2d(x, _enter_weight(w, weight), bias, w.strides, padding, w.dilations, groups))

    return apply(compute, node.x, _weight(node, w), node.optional(2), names=_NAMES)


def _conv_transpose(node: Node) -> Computed:
    groups = _groups(node, channels_axis=0)
    w = _window(node)
    axes = len(node.x.shape) - 2
    extra = tuple(node.numbers("output_padding") or [0] * axes)
    begins, ends = w.begins[-axes:], w.ends[-axes:]
    full = [  # size without padding, before anything is cut off
        (size - 1) * s + (k - 1) * d + 1 + more
        for size, s, k, d, more in zip(
            node.x.shape[2:], w.strides[-axes:], w.kernel[-axes:], w.dilations[-axes:], extra, strict=True
        )
    ]
    sizes = node.numbers("output_shape")
    auto = node.text("auto_pad", "NOTSET")
    if sizes is None and auto.startswith("SAME"):
        sizes = [size * s for size, s in zip(node.x.shape[2:], w.strides[-axes:], strict=True)]
    if sizes is not None:
        sizes = sizes[-axes:]
        totals = [f - size for f, size in zip(full, sizes, strict=True)]
        if min(totals) < 0:
            raise UnsupportedError(f"an output of {sizes}, larger than the {full} that are computed")
        less = tuple(t // 2 for t in totals)
        more = tuple(t - t // 2 for t in totals)
        begins, ends = (more, less) if auto != "SAME_UPPER" else (less, more)
    lead = (0,) * (2 - axes)
    extra = (*lead, *extra)
    begins, ends = (*lead, *begins), (*lead, *ends)
    symmetric = begins == ends

    def compute(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        y = F.conv_transpose2d(
            w.enter(x),
            _enter_weight(w, weight),
            bias,
            w.strides,
            begins if symmetric else 0,
            extra,
            groups,
            w.dilations,
        )
        if not symmetric:
            y = y[:, :, begins[0] : y.shape[2] - ends[0], begins[1] : y.shape[3] - ends[1]]
        return w.leave(y)

    return apply(compute, node.x, _weight(node, w), node.optional(2), names=_NAMES)


def _groups(node: Node, channels_axis: int) -> int:
    groups, channels = node.integer("group", 1), node.x.shape[1:2]
    if groups < 1 or not channels or channels[0] % groups:
        raise UnsupportedError(f"{groups} groups of {channels} channels")
    shape = node.input(1).shape
    own = shape[1] * groups if channels_axis == 1 and len(shape) > 1 else shape[:1][0] if shape else 0
    if own != channels[0]:
        raise UnsupportedError(f"a weight of shape {list(shape)} for {channels[0]} channels")
    return groups


def _window(node: Node) -> Window:
    kernel = node.input(1).shape[2:]
    if (node.numbers("kernel_shape") or list(kernel)) != list(kernel):
        raise UnsupportedError(f"kernel_shape is not that of the weight, {list(kernel)}")
    return window(node, kernel)


def _weight(node: Node, w: Window) -> Tensor:
    """Return the weight, with two spatial axes where it is constant."""
    weight = node.input(1)
    if weight.data is None or not w.one_axis:
        return weight
    return reshaped(weight, (*weight.shape[:2], 1, weight.shape[2]))


def _enter_weight(w: Window, weight: torch.Tensor) -> torch.Tensor:
    return weight if weight.dim() == 4 else w.enter(weight)


RULES = {"Conv": _conv, "ConvTranspose": _conv_transpose}
