"""Batch normalization that no layer before it can take in, as the convolution that it is in inference."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx, nn

_aten = torch.ops.aten
_NORM = _aten._native_batch_norm_legit_no_training.default
_LAYERS = {
    _aten.conv1d.default,
    _aten.conv2d.default,
    _aten.linear.default,
    _aten.convolution.default,
    _aten.conv_transpose1d.default,
    _aten.conv_transpose2d.input,
}
_CONVOLUTIONS = {1: _aten.conv1d.default, 2: _aten.conv2d.default}  # by the number of axes besides channels


def batch_norm_as_convolution(graph_module: fx.GraphModule) -> None:
    """Turn each normalization that follows no layer of its own into a depthwise convolution of one tap, in place.

    Its weight and bias take the place of the normalization's: ``<layer>.weight`` (channels, 1, ...) and
    ``<layer>.bias``.
    """
    made: set[str] = set()
    node: Any
    for node in graph_module.graph.find_nodes(op="call_function", target=_NORM):
        users = [user for user in node.users if user.users]
        follows_layer = node.args[0].target in _LAYERS and len(node.args[0].users) == 1
        if follows_layer or len(users) != 1 or users[0].args[1] != 0 or node.args[3].op != "get_attr":
            continue
        owner = str(node.args[3].target).rpartition(".")[0]
        axes = max(node.args[0].meta["val"].dim() - 2, 1)
        if owner not in made:  # a layer may be used twice
            _fold(graph_module, owner, node, axes)
            made.add(owner)
        with graph_module.graph.inserting_before(node):
            out = _convolved(graph_module, owner, node, axes)
        users[0].replace_all_uses_with(out)
    graph_module.graph.eliminate_dead_code()


def _fold(graph_module: fx.GraphModule, owner: str, node: Any, axes: int) -> None:
    """Put weight and bias of the convolution where the normalization's were."""
    gamma, beta, mean, var = (None if arg is None else _value(graph_module, arg) for arg in node.args[1:5])
    factor = (var + node.args[6]).rsqrt() * (1.0 if gamma is None else gamma)
    bias = (0.0 if beta is None else beta) - mean * factor
    module = graph_module.get_submodule(owner)
    for name, value in (("weight", factor.reshape(-1, 1, *[1] * axes)), ("bias", bias)):
        if hasattr(module, name):
            delattr(module, name)
        module.register_parameter(name, nn.Parameter(value.float(), requires_grad=False))


def _value(graph_module: fx.GraphModule, node: Any) -> torch.Tensor:
    owner, _, name = str(node.target).rpartition(".")
    return getattr(graph_module.get_submodule(owner), name).detach().double()


def _convolved(graph_module: fx.GraphModule, owner: str, node: Any, axes: int) -> fx.Node:
    graph, x = graph_module.graph, node.args[0]
    flat = x.meta["val"].dim() == 2
    fake = x.meta["val"].fake_mode

    def call(target: Any, *args: Any) -> fx.Node:
        made = graph.call_function(target, args)
        with fake:
            made.meta["val"] = target(*fx.node.map_arg(args, lambda source: source.meta["val"]))
        made.meta["nn_module_stack"] = node.meta.get("nn_module_stack", {})
        return made

    def constant(name: str) -> fx.Node:
        made = graph.get_attr(f"{owner}.{name}")
        made.meta["val"] = fake.from_tensor(getattr(graph_module.get_submodule(owner), name))
        return made

    weight, bias = constant("weight"), constant("bias")
    image = call(_aten.unsqueeze.default, x, 2) if flat else x
    ones, zeros = [1] * axes, [0] * axes
    channels = x.meta["val"].shape[1]
    out = call(_CONVOLUTIONS[axes], image, weight, bias, ones, zeros, ones, channels)
    return call(_aten.squeeze.dim, out, 2) if flat else out
