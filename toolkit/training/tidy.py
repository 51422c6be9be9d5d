"""What tracing leaves behind, taken out of a traced step."""

from __future__ import annotations

from operator import getitem
from typing import Any

import torch
from torch import fx

from toolkit.training.narrow import narrow_gradients

_aten = torch.ops.aten
_integers = torch.ops.quantized_decomposed
_SAME = {_aten.detach.default, _aten.alias.default, _aten.clone.default}
_VIEWS = {_aten.view.default, _aten._unsafe_view.default}


def tidy(traced: fx.GraphModule) -> None:
    """Remove copies, turn double transposes into none, compute equal things once and nothing in vain, in place."""
    graph = traced.graph
    for node in list(graph.nodes):
        if node.target in _SAME:
            node.replace_all_uses_with(node.args[0])
    reshape_views(traced)  # it may have been a copy that made a view possible
    for node in list(graph.nodes):
        source: Any = node.args[0] if node.args else None
        if node.target is _aten.t.default and source.target is _aten.t.default:
            node.replace_all_uses_with(source.args[0])
    _without_rounding_twice(graph)
    narrow_gradients(graph)
    graph.eliminate_dead_code()
    for node in graph.find_nodes(op="call_function", target=_aten.native_layer_norm.default):
        _write_statistics(graph, node)
    graph.eliminate_dead_code()
    _once(graph)
    graph.eliminate_dead_code()
    traced.recompile()


def reshape_views(module: fx.GraphModule) -> None:
    """Let a view of a tensor whose layout does not allow it be a copy, in place."""
    for node in module.graph.nodes:
        if node.target in _VIEWS:
            node.target = _aten.reshape.default
    module.recompile()


def _write_statistics(graph: fx.Graph, norm: fx.Node) -> None:
    """Compute the mean and the inverse deviation that a layer norm's gradient takes from its input."""
    parts: list[Any] = [user for user in norm.users if user.target is getitem and user.args[1] in (1, 2)]
    if not parts:
        return
    x: Any = norm.args[0]
    shape: Any = norm.args[1]
    axes = [-1 - axis for axis in range(len(shape))]
    with graph.inserting_before(norm.next):
        mean = graph.call_function(_aten.mean.dim, (x, axes, True))
        centred = graph.call_function(_aten.sub.Tensor, (x, mean))
        square = graph.call_function(_aten.mul.Tensor, (centred, centred))
        variance = graph.call_function(_aten.mean.dim, (square, axes, True))
        scale = graph.call_function(
            _aten.rsqrt.default, (graph.call_function(_aten.add.Tensor, (variance, norm.args[4])),)
        )
    for part in parts:
        part.replace_all_uses_with((mean, scale)[part.args[1] - 1])


def _without_rounding_twice(graph: fx.Graph) -> None:
    """Let integers that became reals and the same integers again stay what they were."""
    for node in list(graph.nodes):
        source: Any = node.args[0] if node.args else None
        if (
            node.target is _integers.quantize_per_tensor.default
            and source.target is _integers.dequantize_per_tensor.default
            and source.args[1:] == node.args[1:]
        ):
            node.replace_all_uses_with(source.args[0])


def _once(graph: fx.Graph) -> None:
    """Let nodes that compute the same be one."""
    seen: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op != "call_function":
            continue
        key = (node.target, repr(node.args), repr(node.kwargs))
        if key in seen:
            node.replace_all_uses_with(seen[key])
        else:
            seen[key] = node
