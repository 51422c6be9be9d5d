"""Constant masks before a softmax, which ``toolkit.lower.masks`` makes part of it: nothing is quantized between."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from toolkit.lower.masks import hides

_aten = torch.ops.aten
_SOFTMAX = (_aten.softmax.int, _aten._softmax.default)
_VIEWS = (_aten.reshape.default, _aten.view.default, _aten.unsqueeze.default)


def is_mask(model: fx.GraphModule, node: Any) -> bool:
    """True for the addition, before a softmax, of a constant that hides scores, and for the choice of its rows."""
    if not isinstance(node, fx.Node):
        return False
    if node.target is _aten.embedding.default:
        table = _constant(model, node.args[0])
        return table is not None and hides(table.detach().numpy())
    if node.target is not _aten.add.Tensor or any(user.target not in _SOFTMAX for user in node.users):
        return False
    if any(is_mask(model, _behind_views(argument)) for argument in node.args[:2]):
        return True
    masks = [_constant(model, argument) for argument in node.args[:2]]
    return any(mask is not None and hides(mask.detach().numpy()) for mask in masks)


def _behind_views(node: Any) -> Any:
    while isinstance(node, fx.Node) and node.target in _VIEWS:
        node = node.args[0]
    return node


def _constant(model: fx.GraphModule, node: Any) -> torch.Tensor | None:
    """Return what a node computes from constants alone; None where it does not."""
    if not isinstance(node, fx.Node):
        return None
    if node.op == "get_attr":
        owner, _, name = str(node.target).rpartition(".")
        return getattr(model.get_submodule(owner), name)
    found = {source: _constant(model, source) for source in node.all_input_nodes}
    if not isinstance(node.target, torch._ops.OpOverload) or any(value is None for value in found.values()):
        return None
    args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda source: found[source])
    result = node.target(*args, **kwargs)
    return result if isinstance(result, torch.Tensor) else None
