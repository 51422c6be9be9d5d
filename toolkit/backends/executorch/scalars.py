"""Constants without axes, given one: ExecuTorch 1.5.1's passes for XNNPACK index into every tensor."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from toolkit.program.quantizer import constant, is_constant

_aten, _QD = torch.ops.aten, torch.ops.quantized_decomposed
_ENDS = (_QD.quantize_per_tensor.default, _QD.dequantize_per_tensor.default)
_FILLED = (_aten.zeros.default, _aten.ones.default, _aten.full.default)
_PAIRS = (
    _aten.add.Tensor, _aten.sub.Tensor, _aten.mul.Tensor, _aten.div.Tensor, _aten.maximum.default,
    _aten.minimum.default,
)  # fmt: skip


def give_scalars_an_axis(module: fx.GraphModule) -> None:
    """Make shape (1) of shape () where something with axes is added, multiplied or compared: the result is the same."""
    for node in list(module.graph.nodes):
        if node.target in _FILLED and not node.args[0] and _meets_axes(node):
            node.args = ([1], *node.args[1:])
        elif is_constant(node) and _is_scalar(module, node) and _meets_axes(node):
            name = f"{node.name}_with_axis"
            module.register_buffer(name, constant(module, node).reshape(1))
            with module.graph.inserting_before(node):
                node.replace_all_uses_with(module.graph.get_attr(name))


def _is_scalar(module: fx.GraphModule, node: fx.Node) -> bool:
    value = constant(module, node)
    return isinstance(value, torch.Tensor) and value.dim() == 0


def _meets_axes(node: fx.Node) -> bool:
    """True when each reader, behind quantize and dequantize, combines the value with something that has axes."""
    return all(
        _meets_axes(user)
        if user.target in _ENDS and user.args[0] is node
        else user.target in _PAIRS and any(_has_axes(other) for other in user.args[:2] if other is not node)
        for user in node.users
    )


def _has_axes(other: Any) -> bool:
    value = other.meta.get("val") if isinstance(other, fx.Node) else None
    return isinstance(value, torch.Tensor) and value.dim() > 0
