"""Sums that mean the same at every step of a recurrent layer written out: they share a range, and so tables."""

from __future__ import annotations

from collections.abc import Hashable

import torch
from torch import fx

_aten = torch.ops.aten
_GATES = (_aten.sigmoid.default, _aten.tanh.default)
_PARTS = ("aten.split.Tensor", "aten.chunk.default", "aten.slice.Tensor", "<built-in function getitem>")


def role(node: fx.Node) -> Hashable | None:
    """Return what a sum in a recurrent layer is for, or None: same roles, same range."""
    if node.target is not _aten.add.Tensor:
        return None
    stack = node.meta.get("nn_module_stack") or {}
    layer = next((path for path, kind in stack.values() if "modules.rnn." in str(kind)), None)
    gates = frozenset(str(user.target) for user in _users(node) if user.target in _GATES)
    return (layer, tuple(node.meta["val"].shape), gates) if layer is not None and gates else None


def _users(node: fx.Node) -> list[fx.Node]:
    """Return who uses a tensor or parts of it."""
    found = []
    for user in node.users:
        found += _users(user) if str(user.target) in _PARTS else [user]
    return found
