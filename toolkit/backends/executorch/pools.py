"""Gradients of pools written out in slices and sums.

Measured with ExecuTorch 1.5.1: it has no kernel for ``avg_pool2d_backward``, and that of
``max_pool2d_with_indices_backward`` gives wrong gradients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_aten = torch.ops.aten
_Pair = tuple[int, int]


def _pair(given: Sequence[int], default: _Pair) -> _Pair:
    return (given[0], given[-1]) if len(given) else default


def _taps(kernel: _Pair) -> Iterator[_Pair]:
    return ((i, j) for i in range(kernel[0]) for j in range(kernel[1]))


def _at(x: Tensor, tap: _Pair, stride: _Pair, size: _Pair) -> Tensor:
    """Return what a tap of every window lies on, (n, c, *size), of an input with its padding."""
    (top, left), (down, right), (rows, columns) = tap, stride, size
    x = x[:, :, top : top + down * (rows - 1) + 1 : down]
    return x[:, :, :, left : left + right * (columns - 1) + 1 : right]


def _back(value: Tensor, tap: _Pair, stride: _Pair, padded: _Pair) -> Tensor:
    """Return ``value``, (n, c, rows, columns), where ``_at`` took it from, and zeros elsewhere."""
    samples, channels, rows, columns = value.shape
    apart = functional.pad(
        value.reshape(samples, channels, rows, 1, columns, 1), (0, stride[1] - 1, 0, 0, 0, stride[0] - 1)
    )
    apart = apart.reshape(samples, channels, rows * stride[0], columns * stride[1])
    apart = apart[:, :, : padded[0] - tap[0], : padded[1] - tap[1]]
    rest = (padded[0] - tap[0] - apart.shape[2], padded[1] - tap[1] - apart.shape[3])
    return functional.pad(apart, (tap[1], rest[1], tap[0], rest[0]))


def _without_padding(total: Tensor, pad: _Pair, size: _Pair) -> Tensor:
    return total[:, :, pad[0] : pad[0] + size[0], pad[1] : pad[1] + size[1]]


def _padded(x: Tensor, kernel: _Pair, stride: _Pair, pad: _Pair, size: _Pair, value: float) -> Tensor:
    """Pad ``x`` so that every window lies inside, those that hang over the far edges included."""
    far = [
        max((size[axis] - 1) * stride[axis] + kernel[axis] - x.shape[2 + axis] - pad[axis], 0)
        for axis in (0, 1)
    ]
    return functional.pad(x, (pad[1], far[1], pad[0], far[0]), value=value)


def _max_pool(
    gradient: Tensor,
    x: Tensor,
    kernel: Any,
    stride: Any,
    pad: Any,
    dilation: Any,
    ceil: bool,
    indices: Tensor,
) -> Tensor:
    kernel, pad = _pair(kernel, (1, 1)), _pair(pad, (0, 0))
    stride = _pair(stride, kernel)
    if _pair(dilation, (1, 1)) != (1, 1):
        return NotImplemented
    size = (gradient.shape[2], gradient.shape[3])
    inside = _padded(x, kernel, stride, pad, size, -inf)
    largest = _at(inside, (0, 0), stride, size)
    for tap in _taps(kernel):
        largest = torch.maximum(largest, _at(inside, tap, stride, size))
    free, total = torch.ones_like(gradient), torch.zeros_like(inside)
    for tap in _taps(kernel):  # the first of equal values takes it all, as in torch
        hit = torch.where(_at(inside, tap, stride, size) == largest, free, torch.zeros_like(free))
        free = free - hit
        total = total + _back(hit * gradient, tap, stride, (inside.shape[2], inside.shape[3]))
    return _without_padding(total, pad, (x.shape[2], x.shape[3]))


def _average_pool(
    gradient: Tensor,
    x: Tensor,
    kernel: Any,
    stride: Any,
    pad: Any,
    ceil: bool,
    count_pad: bool,
    divisor: int | None,
) -> Tensor:
    kernel, pad = _pair(kernel, (1, 1)), _pair(pad, (0, 0))
    stride = _pair(stride, kernel)
    if ceil or (pad != (0, 0) and not count_pad and divisor is None):
        return NotImplemented
    size = (gradient.shape[2], gradient.shape[3])
    inside = _padded(x, kernel, stride, pad, size, 0.0)
    share = gradient / float(divisor or kernel[0] * kernel[1])
    total = torch.zeros_like(inside)
    for tap in _taps(kernel):
        total = total + _back(share, tap, stride, (inside.shape[2], inside.shape[3]))
    return _without_padding(total, pad, (x.shape[2], x.shape[3]))


GRADIENTS: dict[Any, Callable[..., Tensor]] = {
    _aten.max_pool2d_with_indices_backward.default: _max_pool,
    _aten.avg_pool2d_backward.default: _average_pool,
}
