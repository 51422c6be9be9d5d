"""Poolings over windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from toolkit.program.tflite.fused import bounded, fused_bounds
from toolkit.program.tflite.layout import before_and_after, check_image, same_padding, to_first, to_last
from toolkit.program.tflite.op import Layer, Op


def average_pool_2d(op: Op) -> Layer:
    """Mean of what lies inside the image."""
    window = _window(op)

    def pool(x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(
            x, window.kernel, window.stride, window.pads, ceil_mode=window.hangs, count_include_pad=False
        )

    return _pooling(op, pool, window)


def max_pool_2d(op: Op) -> Layer:
    """Maximum of what lies inside the image."""
    window = _window(op)

    def pool(x: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(x, window.kernel, window.stride, window.pads, ceil_mode=window.hangs)

    return _pooling(op, pool, window)


@dataclass(frozen=True)
class _Window:
    """A window as torch takes it, which pads alike on both sides."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pads: list[int]
    hangs: bool  # over the far edges by one more
    extra: list[int]  # outputs too many at the near edges, where a step of 1 cannot hang


def _pooling(op: Op, pool: Callable[[torch.Tensor], torch.Tensor], window: _Window) -> Layer:
    bounds, (down, right) = fused_bounds(op), window.extra
    op.demand_one_scale()

    def compute(x: torch.Tensor) -> torch.Tensor:
        y = to_last(op.stored(bounded(op.stored(pool(to_first(x))), bounds, op.output)))
        return y[:, down:, right:] if down or right else y

    return op.layer(compute, op.input(0))


def _window(op: Op) -> _Window:
    kernel, stride = op.sizes("FilterHeight", "FilterWidth"), op.sizes("StrideH", "StrideW")
    same = same_padding(op)
    sides = [
        before_and_after(size, window, step, 1, same)
        for size, window, step in zip(check_image(op), kernel, stride, strict=True)
    ]
    extra = [after - before if step == 1 else 0 for (before, after), step in zip(sides, stride, strict=True)]
    pads = [before + more for (before, _), more in zip(sides, extra, strict=True)]
    hangs = any(after > pad for (_, after), pad in zip(sides, pads, strict=True))
    return _Window(kernel, stride, pads, hangs, extra)
