"""Poolings over windows."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded, fused_bounds
from toolkit.program.tflite.layout import before_and_after, check_image, same_padding, to_first, to_last
from toolkit.program.tflite.op import Layer, Op


def average_pool_2d(op: Op) -> Layer:
    """Mean of what lies inside the image."""
    kernel, stride, pads, hangs = _window(op)

    def pool(x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x, kernel, stride, pads, ceil_mode=hangs, count_include_pad=False)

    return _pooling(op, pool)


def max_pool_2d(op: Op) -> Layer:
    """Maximum of what lies inside the image."""
    kernel, stride, pads, hangs = _window(op)

    def pool(x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x, kernel, stride, pads, ceil_mode=hangs)

    return _pooling(op, pool)


def _pooling(op: Op, pool: Callable[[torch.Tensor], torch.Tensor]) -> Layer:
    bounds = fused_bounds(op)
    op.demand_one_scale()

    def compute(x: torch.Tensor) -> torch.Tensor:
        return to_last(op.stored(bounded(pool(to_first(x)), bounds, op.output)))

    return op.layer(compute, op.input(0))


def _window(op: Op) -> tuple[tuple[int, ...], tuple[int, ...], list[int], bool]:
    """Return kernel, stride, padding before, and whether windows hang over the far edges by one more."""
    kernel, stride = op.sizes("FilterHeight", "FilterWidth"), op.sizes("StrideH", "StrideW")
    same = same_padding(op)
    pads = [
        before_and_after(size, window, step, 1, same)
        for size, window, step in zip(check_image(op), kernel, stride, strict=True)
    ]
    return kernel, stride, [before for before, _ in pads], any(before != after for before, after in pads)
