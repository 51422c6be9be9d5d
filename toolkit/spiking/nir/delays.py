"""Learnt delays of synapses as NIR has them: a delay and a linear layer for each number of steps, summed."""

from __future__ import annotations

import torch
from torch import nn

from toolkit.spiking.delay import Delay
from toolkit.spiking.delayed_linear import DelayedLinear
from toolkit.spiking.graph import Graph
from toolkit.spiking.layers import Input, Output
from toolkit.spiking.order import Edge


def as_graph(layer: DelayedLinear, norm: nn.BatchNorm1d | None = None) -> Graph:
    """Return a layer, and the batch normalization behind it, as a graph of delays and linear layers."""
    outputs, inputs = layer.weight.shape
    weight, bias = layer.weight.detach(), None
    if norm is not None:
        fused = nn.utils.fusion.fuse_linear_bn_eval(_linear(weight).eval(), norm)
        weight, bias = fused.weight.detach(), fused.bias.detach()
    delays = layer.whole_delays()
    nodes: dict[str, nn.Module] = {"input": Input()}
    shapes: dict[str, tuple[int, ...]] = {"input": (inputs,)}
    edges: list[Edge] = []
    for steps in sorted(set(delays.flatten().tolist())):
        source, name = "input", f"weights_{steps}"
        if steps:
            source = f"delay_{steps}"
            nodes[source], shapes[source] = Delay(layer.timing, steps * layer.timing.dt), (inputs,)
            edges.append(("input", source))
        nodes[name], shapes[name] = _linear(weight * (delays == steps), bias), (outputs,)
        bias = None  # once
        edges += [(source, name), (name, "output")]
    nodes["output"], shapes["output"] = Output(), (outputs,)
    return Graph(nodes, edges, shapes, ["input"], ["output"])


def _linear(weight: torch.Tensor, bias: torch.Tensor | None = None) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0], bias is not None)
    with torch.no_grad():
        made.weight.copy_(weight)
        if bias is not None:
            made.bias.copy_(bias)
    return made
