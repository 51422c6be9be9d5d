"""Reductions over axes, and the index of an extreme value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, axis_of


def _reduce(function: Callable[..., torch.Tensor]) -> Callable[[Node], Computed | Tensor]:
    def rule(node: Node) -> Computed | Tensor:
        rank = len(node.x.shape)
        axes, keep = node.axes(1), bool(node.integer("keepdims", 1))
        if not axes:
            if node.integer("noop_with_empty_axes", 0):
                return node.x
            axes = list(range(rank))
        dims = tuple(sorted({axis_of(axis, rank) for axis in axes}))
        return apply(lambda x: function(x, dims, keep), node.x)

    return rule


def _arg(function: Callable[..., torch.Tensor]) -> Callable[[Node], Computed]:
    def rule(node: Node) -> Computed:
        axis, keep = axis_of(node.integer("axis", 0), len(node.x.shape)), bool(node.integer("keepdims", 1))
        if node.integer("select_last_index", 0):
            last = node.x.shape[axis] - 1
            return apply(lambda x: last - function(x.flip(axis), axis, keep), node.x)
        return apply(lambda x: function(x, axis, keep), node.x)

    return rule


def _sum(x: torch.Tensor, dims: tuple[int, ...], keep: bool) -> torch.Tensor:
    return torch.sum(x, dims, keep)


RULES: dict[str, Any] = {
    "ReduceMean": _reduce(lambda x, dims, keep: torch.mean(x, dims, keep)),
    "ReduceSum": _reduce(_sum),
    "ReduceMax": _reduce(lambda x, dims, keep: torch.amax(x, dims, keep)),
    "ReduceMin": _reduce(lambda x, dims, keep: torch.amin(x, dims, keep)),
    "ReduceL1": _reduce(lambda x, dims, keep: _sum(x.abs(), dims, keep)),
    "ReduceL2": _reduce(lambda x, dims, keep: _sum(x * x, dims, keep).sqrt()),
    "ReduceSumSquare": _reduce(lambda x, dims, keep: _sum(x * x, dims, keep)),
    "ReduceLogSumExp": _reduce(lambda x, dims, keep: torch.logsumexp(x, dims, keep)),
    "ArgMax": _arg(torch.argmax),
    "ArgMin": _arg(torch.argmin),
}
