"""Arithmetic, element by element, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch

from toolkit.program.onnx.node import Computed, Node, apply
from toolkit.program.onnx.refusal import UnsupportedError


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Node], Computed]:
    return lambda node: apply(function, node.x, node.input(1))


def _variadic(function: Callable[[Any, Any], Any]) -> Callable[[Node], Computed]:
    return lambda node: apply(lambda *xs: reduce(function, xs), *node.inputs)


def _unary(function: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Node], Computed]:
    return lambda node: apply(function, node.x)


def _div(node: Node) -> Computed:
    if node.x.dtype != "float32":  # integers are divided as C does
        return apply(lambda a, b: torch.div(a, b, rounding_mode="trunc"), node.x, node.input(1))
    return apply(lambda a, b: a / b, node.x, node.input(1))


def _pow(node: Node) -> Computed:
    x, exponent = node.x, node.input(1)
    if exponent.data is None or exponent.data.size != 1:
        return apply(torch.pow, x, exponent)
    value = float(exponent.data.reshape(()))
    if value == 2:
        return apply(lambda x: x * x, x)
    return apply(torch.sqrt if value == 0.5 else lambda x: torch.pow(x, value), x)


def _least(a: Any, b: Any) -> Any:
    return torch.clamp(a, max=b) if isinstance(b, float) else torch.minimum(a, b)


def _greatest(a: Any, b: Any) -> Any:
    return torch.clamp(a, min=b) if isinstance(b, float) else torch.maximum(a, b)


def _extreme(function: Callable[[Any, Any], Any]) -> Callable[[Node], Computed]:
    def rule(node: Node) -> Computed:
        # a scalar stands last, for torch.clamp takes it there only
        tensors = sorted(node.inputs, key=lambda t: t is not None and t.data is not None and t.shape == ())
        return apply(lambda *xs: reduce(function, xs), *tensors)

    return rule


def _mean(node: Node) -> Computed:
    return apply(lambda *xs: reduce(torch.add, xs) / len(xs), *node.inputs)


def _mod(node: Node) -> Computed:
    function = torch.fmod if node.integer("fmod", 0) else torch.remainder
    return apply(function, node.x, node.input(1))


def _where(node: Node) -> Computed:
    if node.x.dtype != "bool":
        raise UnsupportedError("a condition that is no truth value")
    return apply(torch.where, node.x, node.input(1), node.input(2))


RULES = {
    "Add": _binary(lambda a, b: a + b),
    "Sub": _binary(lambda a, b: a - b),
    "Mul": _binary(lambda a, b: a * b),
    "Div": _div,
    "Pow": _pow,
    "Mod": _mod,
    "Sum": _variadic(lambda a, b: a + b),
    "Mean": _mean,
    "Min": _extreme(_least),
    "Max": _extreme(_greatest),
    "Where": _where,
    "Equal": _binary(torch.eq),
    "Greater": _binary(torch.gt),
    "GreaterOrEqual": _binary(torch.ge),
    "Less": _binary(torch.lt),
    "LessOrEqual": _binary(torch.le),
    "Neg": _unary(torch.neg),
    "Abs": _unary(torch.abs),
    "Exp": _unary(torch.exp),
    "Log": _unary(torch.log),
    "Sqrt": _unary(torch.sqrt),
    "Reciprocal": _unary(torch.reciprocal),
    "Acos": _unary(torch.acos),
    "Acosh": _unary(torch.acosh),
    "Asin": _unary(torch.asin),
    "Asinh": _unary(torch.asinh),
    "Atan": _unary(torch.atan),
    "Atanh": _unary(torch.atanh),
    "Cosh": _unary(torch.cosh),
    "Sinh": _unary(torch.sinh),
    "Erf": _unary(torch.erf),
    "Sin": _unary(torch.sin),
    "Cos": _unary(torch.cos),
    "Tan": _unary(torch.tan),
    "Floor": _unary(torch.floor),
    "Ceil": _unary(torch.ceil),
    "Round": _unary(torch.round),
    "Sign": _unary(torch.sign),
}
