"""Pools over a window and over the whole image."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, apply
from toolkit.program.onnx.operators.window import Window, window
from toolkit.program.onnx.refusal import UnsupportedError

_MAX_REPEATED = 16  # elements, each a part of a concatenation


def _read(node: Node) -> tuple[Window, bool]:
    kernel = node.numbers("kernel_shape")
    if not kernel:
        raise UnsupportedError("there is no kernel_shape")
    if len([name for name in node.raw.outputs if name]) > 1:
        raise UnsupportedError("the indices of the largest values")
    return window(node, tuple(kernel)), bool(node.integer("ceil_mode", 0))


def _torch_can_pad(w: Window) -> bool:
    return w.symmetric and all(2 * p <= k for p, k in zip(w.begins, w.kernel, strict=True))


def _max_pool(node: Node) -> Computed:
    w, ceil = _read(node)
    # A window that reaches over the edge holds the edge's element: repeating that changes no maximum, and needs no
    # infinity, which has no integer.
    pads = [max(begin, end) for begin, end in zip(w.begins, w.ends, strict=True)]
    inside = all(pad < size for pad, size in zip(pads, w.kernel, strict=True)) and max(w.dilations) == 1
    repeat = inside and max(pads) <= _MAX_REPEATED

    def compute(x: torch.Tensor) -> torch.Tensor:
        x, padding = w.enter(x), w.begins
        if not _torch_can_pad(w):
            x, padding = w.repeated(x) if repeat else w.padded(x, float("-inf")), (0, 0)
        return w.leave(F.max_pool2d(x, w.kernel, w.strides, padding, w.dilations, ceil))

    return apply(compute, node.x)


def _average_pool(node: Node) -> Computed:
    w, ceil = _read(node)
    if max(w.dilations) > 1:
        raise UnsupportedError("dilations")
    include = bool(node.integer("count_include_pad", 0)) or not any((*w.begins, *w.ends))

    def compute(x: torch.Tensor) -> torch.Tensor:
        x = w.enter(x)
        if _torch_can_pad(w):
            y = F.avg_pool2d(x, w.kernel, w.strides, w.begins, ceil, include)
        elif include:
            y = F.avg_pool2d(w.padded(x), w.kernel, w.strides, 0, ceil)
        else:
            sums = F.avg_pool2d(w.padded(x), w.kernel, w.strides, 0, ceil, divisor_override=1)
            ones = w.padded(torch.ones(x.shape[2:], device=x.device)[None])
            y = sums / F.avg_pool2d(ones, w.kernel, w.strides, 0, ceil, divisor_override=1)
        return w.leave(y)

    return apply(compute, node.x)


def _global(pool: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Node], Computed]:
    def rule(node: Node) -> Computed:
        rank = len(node.x.shape)
        if rank == 3:
            return apply(lambda x: pool(x.unsqueeze(2)).squeeze(2), node.x)
        if rank != 4:
            raise UnsupportedError(f"{rank - 2} spatial axes, of which 1 and 2 are supported")
        return apply(pool, node.x)

    return rule


RULES = {
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global(lambda x: x.mean((2, 3), keepdim=True)),
    "GlobalMaxPool": _global(lambda x: F.max_pool2d(x, x.shape[2:])),
}
