"""What tracing leaves behind, taken out of a traced step."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

_aten = torch.ops.aten
_SAME = {_aten.detach.default, _aten.alias.default, _aten.clone.default}


def tidy(traced: fx.GraphModule) -> None:
    """Remove copies, turn double transposes into none, compute equal things once and nothing in vain, in place."""
    graph = traced.graph
    for node in list(graph.nodes):
        if node.target in _SAME:
            node.replace_all_uses_with(node.args[0])
    for node in list(graph.nodes):
        source: Any = node.args[0] if node.args else None
        if node.target is _aten.t.default and source.target is _aten.t.default:
            node.replace_all_uses_with(source.args[0])
    graph.eliminate_dead_code()
    _once(graph)
    graph.eliminate_dead_code()
    traced.recompile()


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
