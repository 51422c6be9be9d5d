"""Biases of integer layers as every file holds them: rounded to int32 at input scale times weight scale."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from toolkit.program.quantizer import constant, is_constant

_aten, _QD = torch.ops.aten, torch.ops.quantized_decomposed
_LAYERS = (
    _aten.conv1d.default, _aten.conv2d.default, _aten.conv_transpose2d.input, _aten.linear.default,
)  # fmt: skip
_PER_TENSOR, _PER_CHANNEL = _QD.dequantize_per_tensor.default, _QD.dequantize_per_channel.default


def round_biases(module: fx.GraphModule) -> None:
    """Round, in place, the float32 biases of layers whose input and weight are integers of known scales."""
    for node in list(module.graph.nodes):
        if node.target not in _LAYERS or len(node.args) < 3 or not is_constant(node.args[2]):
            continue
        x, weight, bias = node.args[:3]
        scale = _scale(module, weight)
        if scale is None or getattr(x, "target", None) is not _PER_TENSOR or is_constant(x.args[0]):
            continue
        scale = scale * float(x.args[1])
        values = constant(module, bias).detach()
        name = f"{node.name}_rounded_bias"
        module.register_buffer(name, ((values / scale).round() * scale).to(values.dtype))
        with module.graph.inserting_before(node):
            node.update_arg(2, module.graph.get_attr(name))


def _scale(module: fx.GraphModule, weight: Any) -> torch.Tensor | None:
    """Return the scale of a constant weight, one number or one per output channel, in float64."""
    target = getattr(weight, "target", None)
    if target not in (_PER_TENSOR, _PER_CHANNEL) or not is_constant(weight.args[0]):
        return None
    scale = constant(module, weight.args[1]) if is_constant(weight.args[1]) else torch.tensor(weight.args[1])
    return scale.double()
