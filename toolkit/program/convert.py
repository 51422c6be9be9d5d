"""From a calibrated graph to the final program: int8 constants under their layers' names, batch of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import fx, nn
from torch.export import ExportedProgram

from quantize.int8 import UnusableRangeError, check_range
from quantize.pt2e import FakeQuantizeBase, MinMaxObserver, PerChannelMinMaxObserver, convert_pt2e
from quantize.quiet import quiet
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.program.clean import layer_name
from toolkit.program.quantizer import constant, is_constant
from toolkit.program.rounding import avoid_halves

_QD = torch.ops.quantized_decomposed
Exact = tuple[torch.Tensor, tuple[int, int]]
_DEQUANTIZE = (_QD.dequantize_per_tensor.default, _QD.dequantize_per_channel.default)


def convert(
    prepared: fx.GraphModule,
    sample: torch.Tensor,
    weights: Mapping[str, str],
    exact: Mapping[str, Exact],
) -> ExportedProgram:
    """Return the quantized program of a calibrated graph.

    Args:
        prepared: with observers or fake quantization that have seen data.
        sample: one input; its shape is the program's.
        weights: the weight's name (``conv.weight``) by the name of the node that uses it: the program's
            constants are called ``conv.weight``, ``conv.weight_scale``, ``conv.weight_zero_point`` and
            ``conv.bias``.
        exact: by name, the float weights that the program must hold exactly, and the range of its integers for them.

    Raises:
        ToolkitError: an activation was not finite, or an exact weight did not survive to the bit.
    """
    _check_ranges(prepared)
    avoid_halves(prepared, weights)
    with quiet():
        converted = convert_pt2e(prepared)
        for node in list(converted.graph.nodes):
            if node.name in weights:
                _name_constants(converted, node, weights[node.name])
        _check_exact(converted, exact)
        freeze_constants(converted)
        converted.recompile()
        program = torch.export.export(converted, (sample,))
        if any(node.target is torch.ops.aten.copy_.default for node in program.graph.nodes):
            return program.run_decompositions({})  # states come in and go out, once and not at each lowering
        return program


def _check_ranges(prepared: fx.GraphModule) -> None:
    for node in prepared.graph.nodes:
        if node.op != "call_module":
            continue
        module = prepared.get_submodule(node.target)
        observer = module.activation_post_process if isinstance(module, FakeQuantizeBase) else module
        if not isinstance(observer, MinMaxObserver | PerChannelMinMaxObserver):
            continue
        try:
            check_range(observer)
        except UnusableRangeError as error:
            raise ToolkitError(
                f"an activation has no usable range: {error}",
                at=layer_name(node.args[0]),
                fix="calibrate with data like the real input, and check that the model's outputs are finite",
                exit_code=CHECK_FAILED,
            ) from error


def _name_constants(converted: fx.GraphModule, node: fx.Node, weight_name: str) -> None:
    owner, _, own_name = weight_name.rpartition(".")
    dequantize = node.args[1]
    if isinstance(dequantize, fx.Node) and dequantize.target in _DEQUANTIZE:
        names = (weight_name, f"{weight_name}_scale", f"{weight_name}_zero_point")
        for argument, name in zip(dequantize.args, names, strict=False):
            _move_constant(converted, argument, name)
    if len(node.args) > 2:
        bias_name = "bias" if own_name == "weight" else f"{own_name}_bias"
        _move_constant(converted, node.args[2], f"{owner}.{bias_name}".lstrip("."))


def _move_constant(graph_module: fx.GraphModule, node: Any, name: str) -> None:
    """Let the constant that ``node`` reads be called ``name``; literals stay as they are."""
    if not is_constant(node) or node.target == name:
        return
    value = constant(graph_module, node).detach()
    owner = graph_module
    *path, own_name = name.split(".")
    for part in path:
        if not hasattr(owner, part):
            owner.add_module(part, nn.Module())
        owner = getattr(owner, part)
    if hasattr(owner, own_name):
        delattr(owner, own_name)
    owner.register_buffer(own_name, value)
    node.target = name


def freeze_constants(graph_module: fx.GraphModule) -> None:
    """Remove parameters and buffers that the graph does not read; make the parameters left buffers."""
    used = {str(node.target) for node in graph_module.graph.nodes if node.op == "get_attr"}
    for name, tensor in [*graph_module.named_parameters(), *graph_module.named_buffers()]:
        owner, _, own_name = name.rpartition(".")
        module = graph_module.get_submodule(owner)
        delattr(module, own_name)
        if name in used:
            module.register_buffer(own_name, tensor.detach())


def _check_exact(converted: fx.GraphModule, expected: Mapping[str, Exact]) -> None:
    held = {
        str(node.args[0].target): node
        for node in converted.graph.nodes
        if node.target in _DEQUANTIZE and is_constant(node.args[0])
    }
    for name, (weight, bounds) in expected.items():
        node = held.get(name)
        if node is None or node.args[-3:-1] != bounds or not torch.equal(_value(converted, node), weight):
            raise ToolkitError(
                "the program does not hold the trained weights exactly",
                at=name,
                fix="report this: trained weights must survive quantization to the bit",
                exit_code=CHECK_FAILED,
            )


def _value(converted: fx.GraphModule, dequantize: fx.Node) -> torch.Tensor:
    args: list[Any] = list(dequantize.args)
    args = [constant(converted, arg) if is_constant(arg) else arg for arg in args]
    return dequantize.target(*args)  # type: ignore[operator]
