"""What quantization asks of a graph with spiking neurons: which tensors are int16, and how often neurons spiked."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import fx

from quantize.int8 import SpikeObserver
from toolkit import ops
from toolkit.lower.int16 import has_int16
from toolkit.ops.base import Operator
from toolkit.ops.wide import ENDING
from toolkit.program import delayed, spikes  # noqa: F401  # register the operators

_PART = "<built-in function getitem>"  # of a tensor that was split
INTEGRATE, FIRE = spikes.INTEGRATE, spikes.FIRE
SEND = torch.ops.toolkit.send_delayed.default


def potentials(model: fx.GraphModule, operators: Mapping[str, Operator]) -> set[fx.Node]:
    """Return the nodes that give int16 in an int8 model: neurons' potentials and what makes their currents.

    Layers with weights do, where there is an operator for it; before others it goes on backwards.
    """
    found = set(model.graph.find_nodes(op="call_function", target=INTEGRATE))
    reached = [node.args[0] for node in found] + [node.args[2] for node in found if node.args[2] is not None]
    reached += [node.args[0] for node in model.graph.find_nodes(op="call_function", target=FIRE)]
    while reached:
        node = reached.pop()
        if not isinstance(node, fx.Node) or node in found or node.target is FIRE:
            continue
        operator = operators.get(str(node.target))
        if node.target is SEND:
            continue  # says itself what is int16
        if node.op == "placeholder":
            found.add(node)
        elif operator is None and str(node.target) == _PART:
            reached += [whole for source in node.all_input_nodes for whole in source.all_input_nodes]
        elif operator is None:
            continue
        elif operator.quantization == "weighted":
            if f"{operator.name}{ENDING}" in ops.operators():
                found.add(node)
        elif operator.quantization in ("io", "share") and has_int16(operator.name):
            found.add(node)
            reached += node.all_input_nodes
    return found


def note_densities(prepared: fx.GraphModule) -> None:
    """Write into a calibrated graph what share of each layer's neurons spiked: kernels are chosen by it."""
    for node in prepared.graph.find_nodes(op="call_function", target=FIRE):
        observers = [user for user in node.users if user.op == "call_module"]
        for observer in (prepared.get_submodule(str(user.target)) for user in observers):
            if isinstance(observer, SpikeObserver):
                v, rise, threshold, *strict = node.args[:4]
                rest = node.args[5:]
                node.args = (v, rise, threshold, strict[0] if strict else False, observer.density, *rest)
    prepared.recompile()
