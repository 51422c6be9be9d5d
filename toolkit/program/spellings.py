"""Operators that only spell others differently, written out in those that are known: torch has a few hundred."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx
from torch.export import ExportedProgram

from toolkit.lower.read import knows

_aten = torch.ops.aten
ROUNDS = 4  # what an operator is written out in may be written out again


def respelled(program: ExportedProgram) -> ExportedProgram:
    """Return ``program`` with unknown operators written out, where that leaves none; else the program as it is."""
    found = program
    for _ in range(ROUNDS):
        unknown = _unknown(found.graph)
        if not unknown:
            return found
        table = _table(unknown)
        try:
            found = found.run_decompositions(table)
        except Exception:  # torch's decompositions raise what they like; the lowering then names the operator
            return program
        if not table and _unknown(found.graph):
            return program
    return program if _unknown(found.graph) else found


def _unknown(graph: fx.Graph) -> set[Any]:
    return {node.target for node in graph.nodes if node.op == "call_function" and not knows(str(node.target))}


def _table(unknown: set[Any]) -> dict[Any, Callable[..., Any]]:
    torch_own = torch.export.default_decompositions()
    table = {target: torch_own[target] for target in unknown if target in torch_own}
    return {**table, **{target: _OURS[target] for target in unknown if target in _OURS}}


def _vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, dtype: Any = None
) -> Tensor:
    axes = list(range(x.dim())) if dim is None else dim
    if ord == 1:
        return x.abs().sum(axes, keepdim)
    if ord != 2:
        return NotImplemented
    return x.square().sum(axes, keepdim).sqrt()


def _variance(x: Tensor, dim: Any = None, *, correction: Any = 1, keepdim: bool = False) -> Tensor:
    axes = list(range(x.dim())) if dim is None else dim
    spread = (x - x.mean(axes, keepdim=True)).square()
    count = x.numel() // spread.mean(axes).numel()
    return spread.mean(axes, keepdim) * (count / (count - (1 if correction is None else correction)))


def _log_sum_exp(x: Tensor, dim: Any, keepdim: bool = False) -> Tensor:
    largest = x.amax(dim, True)
    total = (x - largest).exp().sum(dim, True).log() + largest
    return total if keepdim else total.squeeze(dim)


def _slice_backward(gradient: Tensor, sizes: list[int], dim: int, start: int, end: int, step: int) -> Tensor:
    if step != 1:
        return NotImplemented
    size = sizes[dim]
    begin, end, _ = slice(start, end).indices(size)
    return _zeros_around(gradient, dim, begin, size - max(begin, end))


def _select_backward(gradient: Tensor, sizes: list[int], dim: int, index: int) -> Tensor:
    axis = dim % len(sizes)
    before = index % sizes[axis]
    return _zeros_around(gradient.unsqueeze(axis), axis, before, sizes[axis] - before - 1)


def _zeros_around(x: Tensor, dim: int, before: int, after: int) -> Tensor:
    """Return ``x`` with zeros before and after it along ``dim``."""
    pads = [0, 0] * x.dim()
    last = 2 * (x.dim() - 1 - dim % x.dim())  # pads are listed from the last axis on
    pads[last : last + 2] = [before, after]
    return torch.constant_pad_nd(x, pads)


_OURS: dict[Any, Callable[..., Any]] = {
    _aten.slice_backward.default: _slice_backward,
    _aten.select_backward.default: _select_backward,
    _aten.argmin.default: lambda x, *args, **kwargs: torch.argmax(-x, *args, **kwargs),
    _aten.logsumexp.default: _log_sum_exp,
    _aten.linalg_vector_norm.default: _vector_norm,
    _aten.var.correction: _variance,
    _aten.std.correction: lambda *args, **kwargs: _variance(*args, **kwargs).sqrt(),
}
