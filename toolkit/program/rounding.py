"""Weights' scales chosen so that every runtime rounds the sums of a layer to the same integers."""

from __future__ import annotations

from collections.abc import Collection

from torch import fx

from quantize.halves import without_halves
from quantize.int8 import ACTIVATION_RANGE, TERNARY_RANGE, WeightObserver, WeightPerChannelObserver
from quantize.pt2e import FakeQuantizeBase, ObserverBase
from toolkit import ops


def avoid_halves(prepared: fx.GraphModule, weighted: Collection[str]) -> None:
    """Widen weights' scales a little where an int8 layer gives int8, by ``without_halves``.

    Args:
        prepared: a calibrated graph; the observers of weights are changed.
        weighted: the names of nodes that have weights. Ternary weights, those whose scales are known, and those that
            several layers share keep their scales.
    """
    for node in prepared.graph.nodes:
        if node.name not in weighted or len(node.args[1].users) != 1:
            continue
        x, weight, y = (_observer(prepared, each) for each in (node.args[0], node.args[1], _after(node)))
        if not isinstance(weight, WeightObserver | WeightPerChannelObserver) or not _is_int8(x, y):
            continue
        if weight.chosen is not None or (weight.quant_min, weight.quant_max) == TERNARY_RANGE:
            continue
        assert x is not None
        assert y is not None
        before, after = (each.calculate_qparams()[0].double() for each in (x, y))
        scale = weight.calculate_qparams()[0]
        chosen = without_halves(before * scale.double() / after) * after / before
        weight.chosen = chosen.to(scale.dtype)


def _after(node: fx.Node) -> fx.Node | None:
    """Return the node that observes what a layer gives, behind its activation function."""
    users = list(node.users)
    operator = ops.by_aten().get(str(users[0].target)) if len(users) == 1 else None
    if operator is not None and operator.name == "relu":
        users = list(users[0].users)
    return users[0] if len(users) == 1 else None


def _observer(prepared: fx.GraphModule, node: object) -> ObserverBase | None:
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    module = prepared.get_submodule(str(node.target))
    found = module.activation_post_process if isinstance(module, FakeQuantizeBase) else module
    return found if isinstance(found, ObserverBase) else None


def _is_int8(*observers: ObserverBase | None) -> bool:
    return all(
        each is not None and (each.quant_min, each.quant_max) == ACTIVATION_RANGE for each in observers
    )
