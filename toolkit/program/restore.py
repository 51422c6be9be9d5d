"""Composite functions found again in programs that were decomposed: one lookup instead of several operators.

What torch turns a function into is not written down here: a pattern is made by decomposing the function itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.utils.matcher_utils import SubgraphMatcher
from torch.nn import functional

from quantize.quiet import quiet

_aten = torch.ops.aten
_FUNCTIONS: dict[Any, Callable[[Tensor], Tensor]] = {  # with torch's default parameters
    _aten.silu.default: functional.silu,
    _aten.hardswish.default: functional.hardswish,
    _aten.hardsigmoid.default: functional.hardsigmoid,
    _aten.mish.default: functional.mish,
    _aten.softplus.default: functional.softplus,
    _aten.celu.default: functional.celu,
    _aten.log_sigmoid.default: functional.logsigmoid,
}
# a decomposed one of these has one of those nodes: without any there is nothing to look for
_SIGNS = (_aten.sigmoid.default, _aten.clamp.default, _aten.log1p.default, _aten.expm1.default)


_MASKS = (
    _aten.masked_fill.Scalar,
    _aten.masked_fill.Tensor,
    _aten.where.self,
    _aten.where.ScalarSelf,
    _aten.where.ScalarOther,
)
_SOFTMAX = (_aten.softmax.int, _aten._softmax.default)


def restore(graph: fx.Graph) -> None:
    """Put composite functions back into a decomposed graph, in place."""
    _softmax_of_attention(graph)
    _masks_as_sums(graph)
    _expand_to_itself(graph)
    _prelu(graph)
    _rms_norm(graph)
    if any(graph.find_nodes(op="call_function", target=target) for target in _SIGNS):
        for target in _FUNCTIONS:
            _restore_function(graph, target)
    graph.eliminate_dead_code()


def restored(graph: fx.Graph) -> fx.Graph:
    """Return a copy of ``graph`` with composite functions restored; the same graph where nothing was decomposed."""
    if not any(
        graph.find_nodes(op="call_function", target=target)
        for target in (*_SIGNS, *_MASKS, _aten.rsqrt.default)
    ):
        return graph
    copied = copy.deepcopy(graph)
    for before, after in zip(graph.nodes, copied.nodes, strict=True):
        after.name = before.name  # a copy renames inputs called as Python's own functions are
    restore(copied)
    return copied


class _Module(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@cache
def _pattern(target: Any) -> SubgraphMatcher:
    with quiet():
        program = torch.export.export(_Module(_FUNCTIONS[target]), (torch.zeros(2, 3),)).run_decompositions()
    return SubgraphMatcher(program.graph, match_output=False, match_placeholder=False, ignore_literals=False)


def _restore_function(graph: fx.Graph, target: Any) -> None:
    for match in _pattern(target).match(graph):
        _replace(match.returning_nodes[0], target, tuple(match.placeholder_nodes))
        graph.eliminate_dead_code()


def _softmax_of_attention(graph: fx.Graph) -> None:
    """Drop the guard of decomposed attention against rows of which every score is minus infinity."""
    for node in graph.find_nodes(op="call_function", target=_aten.where.self):
        guard, _, chances = node.args
        chain = (_aten.logical_not.default, _aten.any.dim, _aten.logical_not.default, _aten.eq.Scalar)
        for target in chain:
            if not isinstance(guard, fx.Node) or guard.target is not target:
                break
            last, guard = guard, guard.args[0]
        else:
            if last.args[1] == float("-inf") and isinstance(chances, fx.Node) and guard is chances.args[0]:
                node.replace_all_uses_with(chances)


def _masks_as_sums(graph: fx.Graph) -> None:
    """Write scores that are replaced before a softmax as a sum with a mask: of zeros, and of what replaces them."""
    for node in [n for target in _MASKS for n in graph.find_nodes(op="call_function", target=target)]:
        if not node.users or any(user.target not in _SOFTMAX for user in node.users):
            continue
        if max(map(_elements, node.args)) == 1:
            continue
        if node.target in (_aten.masked_fill.Scalar, _aten.masked_fill.Tensor):
            scores, chosen, *values = node.args
            values.append(0.0)
        else:
            chosen, *values = node.args
            place = next(i for i, value in enumerate(values) if _elements(value) > 1)
            scores, values[place] = values[place], 0.0
        first, second = (isinstance(value, fx.Node) for value in values)
        target = (
            _aten.where.ScalarOther if first else _aten.where.ScalarSelf if second else _aten.where.Scalar
        )
        with graph.inserting_before(node):
            added = graph.call_function(target, (chosen, *values))
        added.meta = {**node.meta, "val": torch.empty(chosen.meta["val"].shape, device="meta")}
        _replace(node, _aten.add.Tensor, (scores, added))


def _elements(value: Any) -> int:
    return int(value.meta["val"].numel()) if isinstance(value, fx.Node) else 1


def _expand_to_itself(graph: fx.Graph) -> None:
    for node in graph.find_nodes(op="call_function", target=_aten.expand.default):
        source = node.args[0]
        if isinstance(source, fx.Node) and source.meta["val"].shape == node.meta["val"].shape:
            node.replace_all_uses_with(source)


def _is(node: Any, *targets: Any) -> bool:
    return isinstance(node, fx.Node) and node.target in targets


def _prelu(graph: fx.Graph) -> None:
    """``where(x > 0, x, slope * x)``."""
    for node in graph.find_nodes(op="call_function", target=_aten.where.self):
        above, x, below = node.args
        if not _is(above, _aten.gt.Scalar) or above.args != (x, 0) or not _is(below, _aten.mul.Tensor):
            continue
        slope, scaled = below.args
        if scaled is not x or not isinstance(slope, fx.Node):
            continue
        if _is(slope, _aten.view.default, _aten.reshape.default):
            slope = slope.args[0]
        _replace(node, _aten.prelu.default, (x, slope))


def _rms_norm(graph: fx.Graph) -> None:
    """``x * rsqrt(mean(x**2) + eps)``, times a weight of the normalized axes."""
    for root in graph.find_nodes(op="call_function", target=_aten.rsqrt.default):
        total = root.args[0]
        if not _is(total, _aten.add.Scalar, _aten.add.Tensor) or not isinstance(total.args[1], (int, float)):
            continue
        mean, eps = total.args
        if (
            not _is(mean, _aten.mean.dim)
            or not _is(mean.args[0], _aten.pow.Tensor_Scalar)
            or mean.args[2:] != (True,)
        ):
            continue
        x, exponent = mean.args[0].args
        shape = x.meta["val"].shape
        axes = sorted(axis % len(shape) for axis in mean.args[1])
        if exponent != 2 or axes != list(range(axes[0], len(shape))):
            continue
        for product in [u for u in root.users if _is(u, _aten.mul.Tensor) and set(u.args) == {x, root}]:
            last, weight = product, None
            following = next(iter(product.users))
            if len(product.users) == 1 and _is(following, _aten.mul.Tensor):
                weight = next((a for a in following.args if a is not product), None)
                if isinstance(weight, fx.Node) and weight.op in ("get_attr", "placeholder"):
                    fits = weight.meta["val"].shape == shape[axes[0] :] if "val" in weight.meta else False
                    last, weight = (following, weight) if fits else (product, None)
                else:
                    weight = None
            _replace(last, _aten.rms_norm.default, (x, list(shape[axes[0] :]), weight, float(eps)))


def _replace(node: fx.Node, target: Any, args: tuple[Any, ...]) -> None:
    with node.graph.inserting_after(node):
        new = node.graph.call_function(target, args)
    new.meta = dict(node.meta)
    node.replace_all_uses_with(new)
