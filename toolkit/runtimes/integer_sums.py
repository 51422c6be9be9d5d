"""A quantized program in torch as runtimes with integer kernels compute it.

They sum products of integers exactly, the bias as an integer of input scale times weight scale among them, and
multiply the sum by one float32 number: input scale times weight scale over output scale. Torch's own sums are float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from toolkit.program.quantizer import constant, is_constant

_aten, _QD = torch.ops.aten, torch.ops.quantized_decomposed
_QUANTIZE = _QD.quantize_per_tensor.default
_PER_TENSOR, _PER_CHANNEL = _QD.dequantize_per_tensor.default, _QD.dequantize_per_channel.default
_LAYERS = (_aten.conv1d.default, _aten.conv2d.default, _aten.linear.default)
_KEEP_ZERO = (_aten.relu.default, _aten.relu_.default)  # of a number of steps as of the real number


def sum_in_integers(module: fx.GraphModule) -> None:
    """Rewrite, in place, layers of integers that are quantized again; of other layers' biases only round them."""
    for node in list(module.graph.nodes):
        if node.target not in _LAYERS or not _reads_integers(node):
            continue
        x, weight, *others = node.args
        bias = others[0] if others and is_constant(others[0]) else None
        if others and others[0] is not None and bias is None:
            continue
        scales = _scale(module, weight) * float(x.args[1])
        whole = None if bias is None else (constant(module, bias).detach().double() / scales).round()
        ends = _ends(node)
        if ends:
            own = _constant(module, node, "whole_bias", whole) if whole is not None else None
            factor = (scales.float() / torch.tensor(ends[0].args[1])).float()
            arguments = (x.args[0], x.args[2], weight.args[0], own, _constant(module, node, "factor", factor))
            with module.graph.inserting_before(node):
                made = module.graph.call_function(_steps, (node.target, *arguments, *others[1:]))
            node.replace_all_uses_with(made)
            for end in ends:
                end.update_arg(1, 1.0)
        elif whole is not None:
            node.update_arg(2, _constant(module, node, "rounded_bias", (whole * scales).float()))
    module.graph.eliminate_dead_code()


def _steps(
    layer: Callable[..., torch.Tensor], x: torch.Tensor, zero_point: int, weight: torch.Tensor,
    bias: torch.Tensor | None, factor: torch.Tensor, *settings: Any,
) -> torch.Tensor:  # fmt: skip
    """Return a layer's sums in steps of its output, float32."""
    sums = layer(x.double() - zero_point, weight.double(), bias, *settings)
    axes = (1,) * (sums.dim() - 2) if layer is not _aten.linear.default else ()
    return sums.float() * factor.reshape(-1, *axes)


def _reads_integers(node: fx.Node) -> bool:
    x, weight = node.args[:2]
    if not isinstance(x, fx.Node) or not isinstance(weight, fx.Node):
        return False
    if x.target is not _PER_TENSOR or is_constant(x.args[0]) or not is_constant(weight.args[0]):
        return False
    return weight.target is _PER_CHANNEL or (weight.target is _PER_TENSOR and bool(weight.args[2] == 0))


def _scale(module: fx.GraphModule, weight: Any) -> torch.Tensor:
    """Return a weight's scale, one number or one per output channel, in float64."""
    scale = weight.args[1]
    return (constant(module, scale) if is_constant(scale) else torch.tensor(scale)).double()


def _ends(node: fx.Node) -> list[fx.Node]:
    """Return the nodes that quantize a layer's output, behind a ReLU or not; none unless all do so alike."""
    found: list[fx.Node] = []
    for user in node.users:
        found += list(user.users) if user.target in _KEEP_ZERO else [user]
    alike = all(end.target is _QUANTIZE and end.args[1:] == found[0].args[1:] for end in found)
    return found if alike else []


def _constant(module: fx.GraphModule, node: fx.Node, name: str, value: torch.Tensor) -> fx.Node:
    module.register_buffer(f"{node.name}_{name}", value)
    with module.graph.inserting_before(node):
        return module.graph.get_attr(f"{node.name}_{name}")
