"""Matrix products."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Computed, Node, Tensor, apply, real, turned
from toolkit.program.onnx.refusal import UnsupportedError

_NAMES = ("x", "weight", "bias")


def _matmul(node: Node) -> Computed:
    x, weight = node.x, node.input(1)
    if weight.data is not None and len(weight.shape) == 2 and len(x.shape) >= 2:
        return linear(x, turned(weight, (1, 0)), None)
    return apply(torch.matmul, x, weight)


def _gemm(node: Node) -> Computed:
    x, weight, bias = node.x, node.input(1), node.optional(2)
    alpha, beta = node.number("alpha", 1.0), node.number("beta", 1.0)
    turn_x, turn_weight = bool(node.integer("transA", 0)), bool(node.integer("transB", 0))
    if len(x.shape) != 2 or len(weight.shape) != 2:
        raise UnsupportedError("operands that are no matrices")
    features = weight.shape[0 if turn_weight else 1]
    row = bias is None or (
        bias.data is not None and bias.data.size in (1, features) and bias.shape[:-1] in ((), (1,))
    )
    if weight.data is None or not row:
        return apply(
            lambda x, w, b=None: _general(x, w, b, alpha, beta, turn_x, turn_weight), x, weight, bias
        )
    weight = weight if turn_weight else turned(weight, (1, 0))
    weight = _times(weight, alpha)
    if bias is not None:
        bias = _row(_times(bias, beta), features)
    return linear(x, weight, bias, turn_x=turn_x)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None, *, turn_x: bool = False) -> Computed:
    """Return the fully connected layer with a constant weight, output features first."""

    def compute(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
        return F.linear(x.t() if turn_x else x, weight, bias)

    return apply(compute, x, weight, bias, names=_NAMES)


def _general(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor | None, alpha: float, beta: float, turn_x: bool,
             turn_weight: bool) -> torch.Tensor:  # fmt: skip
    y = (x.t() if turn_x else x) @ (w.t() if turn_weight else w)
    y = y if alpha == 1 else y * alpha
    if b is None:
        return y
    return y + (b if beta == 1 else b * beta)


def _times(tensor: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return tensor
    data = (real(tensor) * np.float32(factor)).astype(np.float32)
    return Tensor(tensor.name, data.shape, data=data)


def _row(bias: Tensor, features: int) -> Tensor:
    assert bias.data is not None
    if bias.quant is None:
        data = np.broadcast_to(bias.data.reshape(-1), (features,)).astype(np.float32)
        return Tensor(bias.name, data.shape, data=data)
    if bias.shape != (features,):
        raise UnsupportedError(f"a quantized bias of shape {list(bias.shape)}")
    return bias


def _linear_with_bias(node: Node) -> Computed:
    """``MatMul`` and the ``Add`` behind it; ``toolkit.program.onnx.patterns`` puts it there."""
    weight, bias = node.input(1), node.input(2)
    if len(bias.shape) > len(node.x.shape):
        return apply(lambda x, w, b: x @ w + b, node.x, weight, bias)
    return linear(node.x, turned(weight, (1, 0)), _row(bias, weight.shape[1]))


def _einsum(node: Node) -> Computed:
    equation = node.text("equation", "")
    if not equation:
        raise UnsupportedError("there is no equation")
    return apply(lambda *xs: torch.einsum(equation, *xs), *node.inputs)


RULES = {"MatMul": _matmul, "Gemm": _gemm, "toolkit::Linear": _linear_with_bias, "Einsum": _einsum}
