"""Activation functions that exporters write as several operators: SiLU, hardswish, GELU, Mish, softplus."""

from __future__ import annotations

import math
from typing import Any

from toolkit.program.onnx.node import RawNode
from toolkit.program.onnx.patterns.graph import NEAR, Graph

_MAX_FACTORS = 8
_SOFTPLUS_IS_X = 15  # from here on, to float32's precision


def softplus(graph: Graph, raw: RawNode) -> RawNode | None:
    """``where(x > 20, x, softplus(x))``, which torch writes to spare itself the exponential."""
    if raw.op != "Where" or raw.domain or len(raw.inputs) != 3:
        return None
    asked, inner = graph.maker(raw.inputs[0], "Greater"), graph.maker(raw.inputs[2], "Softplus")
    x = raw.inputs[1]
    if asked is None or inner is None or inner.inputs != [x] or asked.inputs[:1] != [x]:
        return None
    limit = graph.number(asked.inputs[1])
    return (
        None
        if limit is None or limit < _SOFTPLUS_IS_X
        else RawNode("Softplus", [x], raw.outputs, {}, raw.label)
    )


def hard_sigmoid(graph: Graph, raw: RawNode) -> RawNode | None:
    """``clip(x + 3, 0, 6) / 6``."""
    parts = graph.split(raw) if raw.op in ("Div", "Mul") and not raw.domain else None
    if parts is None or not graph.is_number(parts[1], 6 if raw.op == "Div" else 1 / 6):
        return None
    if raw.op == "Div" and raw.inputs[0] != parts[0]:
        return None
    x = _clipped(graph, parts[0])
    return None if x is None else RawNode("HardSigmoid", [x], raw.outputs, {"alpha": 1 / 6}, raw.label)


def _clipped(graph: Graph, name: str) -> str | None:
    """Return x of ``clip(x + 3, 0, 6)``."""
    clip = graph.maker(name, "Clip")
    if (
        clip is None
        or len(clip.inputs) != 3
        or not (graph.is_number(clip.inputs[1], 0) and graph.is_number(clip.inputs[2], 6))
    ):
        return None
    add = graph.maker(clip.inputs[0], "Add")
    parts = graph.split(add) if add else None
    return parts[0] if parts and graph.is_number(parts[1], 3) else None


def gated(graph: Graph, raw: RawNode) -> RawNode | None:
    """Products of x with a function of x: SiLU, hardswish, GELU, Mish."""
    if raw.op not in ("Mul", "Div") or raw.domain or len(raw.inputs) != 2:
        return None
    factors, number = _factors(graph, raw)
    if len(factors) != 2:
        return None
    for x, gate in (factors, factors[::-1]):
        found = _gate(graph, x, gate, number)
        if found is not None:
            op, attributes = found
            return RawNode(op, [x], raw.outputs, attributes, raw.label)
    return None


def _gate(graph: Graph, x: str, gate: str, number: float) -> tuple[str, dict[str, Any]] | None:
    def near(value: float) -> bool:
        return abs(number - value) <= NEAR

    made = graph.maker(gate, "Sigmoid", "HardSigmoid", "Clip", "Tanh", "Add")
    if made is None:
        return None
    if made.op == "Sigmoid" and made.inputs == [x] and near(1):
        return "Swish", {}
    if made.op == "HardSigmoid" and made.inputs == [x] and near(1):
        alpha, beta = made.attributes.get("alpha", 0.2), made.attributes.get("beta", 0.5)
        return ("HardSwish", {}) if abs(alpha - 1 / 6) < NEAR and beta == 0.5 else None
    if made.op == "Clip" and near(1 / 6) and _clipped(graph, gate) == x:
        return "HardSwish", {}
    if made.op == "Tanh" and near(1):
        inner = graph.maker(made.inputs[0], "Softplus")
        return ("Mish", {}) if inner is not None and inner.inputs == [x] else None
    if made.op == "Add" and near(0.5):
        return ("Gelu", {}) if _is_erf_gate(graph, made, x) else None
    return None


def _is_erf_gate(graph: Graph, add: RawNode, x: str) -> bool:
    """True for ``1 + erf(x / sqrt(2))``."""
    parts = graph.split(add)
    erf = graph.maker(parts[0], "Erf") if parts and graph.is_number(parts[1], 1) else None
    scaled = graph.maker(erf.inputs[0], "Div", "Mul") if erf else None
    inner = graph.split(scaled) if scaled else None
    if scaled is None or inner is None or inner[0] != x or (scaled.inputs[0] != x and scaled.op == "Div"):
        return False
    return graph.is_number(inner[1], math.sqrt(2) if scaled.op == "Div" else math.sqrt(0.5))


def _factors(graph: Graph, raw: RawNode) -> tuple[list[str], float]:
    """Return the tensors that a product is made of, and the number that it is multiplied by; none when it divides."""
    todo, number = [raw], 1.0
    factors: list[str] = []
    while todo and len(factors) < _MAX_FACTORS:
        node = todo.pop()
        for i, name in enumerate(node.inputs):
            divides = node.op == "Div" and i == 1
            value = graph.number(name)
            inner = graph.maker(name, "Mul", "Div")
            if value is not None and not (divides and value == 0):
                number = number / value if divides else number * value
            elif divides:
                return [], 0.0
            elif inner is not None and len(inner.inputs) == 2 and (inner.op == "Mul" or graph.split(inner)):
                todo.append(inner)
            else:
                factors.append(name)
    return factors, number
