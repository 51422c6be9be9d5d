"""Convolutions: channels last in the file, channels first in torch."""

from __future__ import annotations

from math import prod

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded, fused_bounds
from toolkit.program.tflite.layout import before_and_after, check_image, same_padding, to_first, to_last
from toolkit.program.tflite.op import Constant, Layer, Op, Unsupported
from toolkit.program.tflite.weights import bias_of, weight_of

MOST_WINDOW_VALUES = 2**27


def conv_2d(op: Op) -> Layer:
    """Weight (O, H, W, I); groups are what the input's channels have more."""
    check_image(op)
    weight = weight_of(op, 1, 0, (0, 3, 1, 2))
    out_channels, group_channels = weight.data.shape[:2]
    channels = op.input(0).shape[3]
    groups = channels // group_channels
    if channels % group_channels or out_channels % groups:
        raise op.damaged(f"weights for {group_channels} channels do not divide an input of {channels}")
    return _convolution(op, weight, groups)


def depthwise_conv_2d(op: Op) -> Layer:
    """Weight (1, H, W, C * multiplier)."""
    check_image(op)
    weight = weight_of(op, 1, 3, (3, 0, 1, 2))
    channels = op.input(0).shape[3]
    if weight.data.shape[0] % channels:
        raise op.damaged(f"{weight.data.shape[0]} filters for {channels} channels")
    return _convolution(op, weight, channels)


def _convolution(op: Op, weight: Constant, groups: int) -> Layer:
    _check_windows(op, weight)
    stride = op.sizes("StrideH", "StrideW")
    dilation = op.sizes("DilationHFactor", "DilationWFactor")
    same, bounds = same_padding(op), fused_bounds(op)
    pads = [
        before_and_after(*sizes, same)
        for sizes in zip(check_image(op), weight.data.shape[2:], stride, dilation, strict=True)
    ]
    even = all(before == after for before, after in pads)

    def compute(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        x = to_first(x)
        if even:
            padding = [before for before, _ in pads]
        else:
            x, padding = F.pad(x, [*pads[1], *pads[0]]), [0, 0]
        y = F.conv2d(x, weight, bias, stride, padding, dilation, groups)
        return to_last(op.stored(bounded(y, bounds, op.output)))

    return op.layer(compute, op.input(0), weight=weight, bias=bias_of(op, 2, weight))


def _check_windows(op: Op, weight: Constant) -> None:
    """Check that the windows of all pixels, side by side, are no monster: the reference lays them out so."""
    values = prod(op.output.shape[1:3]) * prod(weight.data.shape[1:])
    if values > MOST_WINDOW_VALUES:
        raise Unsupported(f"its windows hold {values:,} values, more than {MOST_WINDOW_VALUES:,}")


def transpose_conv(op: Op) -> Layer:
    """Inputs: output shape, weight (O, H, W, I), activation, bias."""
    op.inputs = [op.inputs[i] if i < len(op.inputs) else None for i in (2, 1, 3, 0)]  # as conv_2d has them
    sizes, out_sizes = check_image(op), op.output.shape
    if len(out_sizes) != 4:
        raise op.damaged(f"an output of {len(out_sizes)} axes")
    weight = weight_of(op, 1, 0, (3, 0, 1, 2))
    stride, same, bounds = op.sizes("StrideH", "StrideW"), same_padding(op), fused_bounds(op)
    _check_windows(op, weight)
    pads, more = [], []
    for size, out, kernel, step in zip(sizes, out_sizes[1:3], weight.data.shape[2:], stride, strict=True):
        surplus = (size - 1) * step + kernel - out
        pads.append(max(surplus, 0) // 2 if same else 0)
        more.append(max(-surplus, 0))
        if more[-1] >= step:
            raise op.damaged(f"an output of {out} from an input of {size} by steps of {step}")
    if any(n >= s for n, s in zip(more, stride, strict=True)):
        raise Unsupported("an output larger than its windows reach")

    def compute(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        y = F.conv_transpose2d(to_first(x), weight, bias, stride, pads, more)
        y = op.stored(bounded(y, bounds, op.output))
        return to_last(y)[:, : out_sizes[1], : out_sizes[2]]

    return op.layer(compute, op.input(0), weight=weight, bias=bias_of(op, 2, weight))
