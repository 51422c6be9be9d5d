"""Gradients of which only a slice is used, computed for that slice alone."""

from __future__ import annotations

from operator import getitem
from typing import Any

import torch
from torch import fx

_aten = torch.ops.aten
_ONLY_WEIGHT = [False, True, False]


def narrow_gradients(graph: fx.Graph) -> None:
    """Take slices of what gradients by weights are made of, in place of slices of those gradients.

    What is kept for them shrinks with the slice, and so does their work.
    """
    for node in list(graph.nodes):
        if node.target is _aten.slice.Tensor and len(node.args) == 4:
            source, axis, start, end = node.args
            with graph.inserting_before(node):
                made = _made(graph, source, axis, start, end)
            if made is not None:
                made.meta.update(node.meta)
                node.replace_all_uses_with(made)
    graph.eliminate_dead_code()


def _made(graph: fx.Graph, source: Any, axis: int, start: int, end: int) -> fx.Node | None:
    """Return the node that computes elements ``start`` to ``end`` along ``axis`` of ``source``, or None."""

    def part(tensor: Any, axis: int, start: int, end: int) -> fx.Node:
        node = graph.call_function(_aten.slice.Tensor, (tensor, axis, start, end))
        node.meta["val"] = tensor.meta["val"].narrow(axis, start, end - start)
        return node

    if source.target is _aten.mm.default:
        left, right = source.args
        if axis == 1:
            return graph.call_function(_aten.mm.default, (left, part(right, 1, start, end)))
        return graph.call_function(_aten.mm.default, (part(left, 0, start, end), right))
    if source.target is not getitem or source.args[1] != 1:
        return None
    backward = source.args[0]
    if backward.target is not _aten.convolution_backward.default:
        return None
    gradient, x, weight, _, *window, groups, wanted = backward.args
    if groups == 1:
        x = part(x, 1, start, end)
    else:
        rows, channels = weight.meta["val"].shape[:2]
        per_group = rows // groups
        gradient = part(gradient, 1, start, end)
        x = part(x, 1, start // per_group * channels, end // per_group * channels)
        groups = (end - start) // per_group
    arguments = (gradient, x, part(weight, axis, start, end), None, *window, groups, _ONLY_WEIGHT)
    backward.update_arg(len(backward.args) - 1, [wanted[0], False, wanted[2]])
    return graph.call_function(
        getitem, (graph.call_function(_aten.convolution_backward.default, arguments), 1)
    )
