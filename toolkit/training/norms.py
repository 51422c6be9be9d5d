"""Batch normalization behind layers with weights, as captured graphs hold it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

_aten = torch.ops.aten
_NORM = _aten._native_batch_norm_legit_no_training.default
_LAYERS = {_aten.linear.default, _aten.conv1d.default, _aten.conv2d.default}


@dataclass(frozen=True)
class Norm:
    """A normalization by running statistics.

    ``weight`` and ``bias`` (gamma and beta) are the constants' names, "" where it has none; so are ``mean`` and
    ``variance``, which it always has.
    """

    node: fx.Node
    weight: str
    bias: str
    mean: str
    variance: str
    eps: float


def norm_behind(layer: fx.Node) -> Norm | None:
    """Return the normalization of what ``layer`` gives, channel by channel, if nothing else reads that."""
    if layer.target not in _LAYERS or len(layer.users) != 1:
        return None
    (norm,) = layer.users
    given: Any = norm.args
    if norm.target is not _NORM or given[0] is not layer:
        return None
    if layer.target is _aten.linear.default and layer.meta["val"].dim() != 2:
        return None  # the normalization's channels are the layer's rows
    if any(node.op != "get_attr" for node in (*layer.all_input_nodes[1:], *norm.all_input_nodes[1:])):
        return None
    gamma, beta, mean, variance = ("" if arg is None else str(arg.target) for arg in given[1:5])
    return Norm(norm, gamma, beta, mean, variance, float(given[6]))
