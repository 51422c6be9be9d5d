"""Average pools that round halves as the toolkit does: see ``toolkit.backends.ties``."""

from __future__ import annotations

from math import prod
from typing import Any

import torch
from torch import fx

from toolkit.backends.ties import stretch

_aten, _QD = torch.ops.aten, torch.ops.quantized_decomposed
_QUANTIZE, _DEQUANTIZE = _QD.quantize_per_tensor.default, _QD.dequantize_per_tensor.default
_POOLS = (_aten.avg_pool2d.default, _aten.adaptive_avg_pool2d.default)


def round_halves_away(module: fx.GraphModule) -> None:
    """Rewrite, in place, pools between a dequantize node and a quantize node of the same scale."""
    for target in _POOLS:
        for node in module.graph.find_nodes(op="call_function", target=target):
            x: Any = node.args[0]
            users = list(node.users)
            if x.target is not _DEQUANTIZE or any(user.target is not _QUANTIZE for user in users):
                continue
            if not users or any(user.args[1:] != x.args[1:] for user in users):
                continue
            _, scale, zero_point, low, *_ = x.args
            found = stretch(_values(node, x), scale, zero_point, -low)
            if found is not None:
                factor, addend = found
                with module.graph.inserting_after(node):
                    longer = module.graph.call_function(_aten.mul.Tensor, (node, factor))
                with module.graph.inserting_after(longer):
                    moved = module.graph.call_function(_aten.add.Tensor, (longer, addend))
                for user in users:
                    user.replace_input_with(node, moved)


def _values(node: fx.Node, x: fx.Node) -> int:
    """Return of how many values an average is; an odd number where not all windows lie inside."""
    size, made = x.meta["val"].shape[-2:], node.meta["val"].shape[-2:]
    if node.target is _aten.adaptive_avg_pool2d.default:
        return prod(size) // prod(made) if not any(a % b for a, b in zip(size, made, strict=True)) else 1
    kernel = list(node.args[1])  # type: ignore[arg-type]
    padding = list(node.args[3]) if len(node.args) > 3 else [0]  # type: ignore[arg-type]
    return prod(kernel * (2 // len(kernel))) if not any(padding) else 1
