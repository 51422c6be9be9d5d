"""Operators that exporters take apart, put together again.

Each pattern looks at a node and those before it, and puts one node in its place; what nobody reads any more is dropped
by the reader. Only nodes that make a tensor for one reader are looked through.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolkit.program.onnx.node import RawNode, Tensor, real

_NEAR = 1e-4  # exporters write constants as float32 or less
_MAX_FACTORS = 8


def recognise(raws: list[RawNode], tensors: dict[str, Tensor], outputs: list[str]) -> list[RawNode]:
    """Return the nodes with patterns replaced; folded constants are added to ``tensors``."""
    graph = _Graph({name: raw for raw in raws for name in raw.outputs if name}, tensors)
    graph.readers.update(name for raw in raws for name in raw.inputs)
    graph.readers.update(outputs)
    found = []
    for raw in raws:
        for pattern in PATTERNS:
            raw = pattern(graph, raw) or raw
        graph.makers.update((name, raw) for name in raw.outputs if name)
        found.append(raw)
    return found


@dataclass
class _Graph:
    makers: dict[str, RawNode]
    tensors: dict[str, Tensor]
    readers: Counter[str] = field(default_factory=Counter)

    def maker(self, name: str, *ops: str, only_reader: bool = True) -> RawNode | None:
        """Return the node that makes a tensor, when it is one of ``ops``."""
        raw = self.makers.get(name)
        if raw is None or raw.domain or raw.op not in ops or (only_reader and self.readers[name] > 1):
            return None
        return raw

    def array(self, name: str) -> np.ndarray | None:
        """Return a constant of reals that the file has as such."""
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data is None or tensor.quant is not None or tensor.dtype != "float32":
            return None
        return tensor.data

    def number(self, name: str) -> float | None:
        """Return a constant of one element."""
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data is None or tensor.data.size != 1:
            return None
        return float(real(tensor).reshape(()))

    def is_number(self, name: str, value: float) -> bool:
        """True for a constant of one element of about this value."""
        number = self.number(name)
        return number is not None and abs(number - value) <= _NEAR * max(abs(value), 1)

    def add(self, like: str, data: np.ndarray) -> str:
        """Add a constant; return its name."""
        name = f"{like}/folded"
        while name in self.tensors:
            name += "_"
        self.tensors[name] = Tensor(name, data.shape, data=np.ascontiguousarray(data, np.float32))
        return name

    def split(self, raw: RawNode) -> tuple[str, str] | None:
        """Return the tensor and the constant of a node with two inputs, of which one is constant."""
        for x, c in (raw.inputs, raw.inputs[::-1]) if len(raw.inputs) == 2 else ():
            if c in self.tensors and x not in self.tensors:
                return x, c
        return None


def _batch_norm(graph: _Graph, raw: RawNode) -> RawNode | None:
    """Batch normalization behind a convolution or a matrix product becomes part of it."""
    if raw.op != "BatchNormalization" or raw.domain or len(raw.inputs) != 5 or any(raw.outputs[1:]):
        return None
    layer = graph.maker(raw.inputs[0], "Conv", "ConvTranspose", "Gemm")
    if layer is None or raw.attributes.get("training_mode", 0) or len(layer.inputs) < 2:
        return None
    arrays = [graph.array(name) for name in (layer.inputs[1], *raw.inputs[1:])]
    old_bias = graph.array(layer.inputs[2]) if len(layer.inputs) > 2 and layer.inputs[2] else np.zeros(1)
    if any(a is None for a in arrays) or old_bias is None or not _foldable(layer):
        return None
    weight, gamma, beta, mean, var = (np.asarray(a, np.float64) for a in arrays)
    axis = (
        1
        if layer.op == "ConvTranspose" or (layer.op == "Gemm" and not layer.attributes.get("transB", 0))
        else 0
    )
    if weight.ndim < 2 or any(a.shape != (weight.shape[axis],) for a in (gamma, beta, mean, var)):
        return None
    with np.errstate(all="ignore"):
        factor = gamma / np.sqrt(var + float(raw.attributes.get("epsilon", 1e-5)))
    shape = [1] * weight.ndim
    shape[axis] = -1
    if old_bias.size not in (1, len(factor)) or not np.isfinite(factor).all():
        return None
    bias = (old_bias.reshape(-1).astype(np.float64) - mean) * factor + beta
    inputs = [
        layer.inputs[0],
        graph.add(layer.inputs[1], weight * factor.reshape(shape)),
        graph.add(f"{layer.label}/bias", bias),
    ]
    return RawNode(layer.op, inputs, raw.outputs[:1], layer.attributes, layer.label)


def _foldable(layer: RawNode) -> bool:
    if layer.op == "Gemm":
        return all(layer.attributes.get(name, 1.0) == 1.0 for name in ("alpha", "beta"))
    return layer.op == "Conv" or layer.attributes.get("group", 1) == 1


def _linear(graph: _Graph, raw: RawNode) -> RawNode | None:
    """``MatMul`` with a constant and the addition of a row behind it are one fully connected layer."""
    parts = graph.split(raw) if raw.op == "Add" and not raw.domain else None
    product = graph.maker(parts[0], "MatMul") if parts else None
    if parts is None or product is None:
        return None
    weight, bias = graph.array(product.inputs[1]), graph.array(parts[1])
    if weight is None or bias is None or weight.ndim != 2 or product.inputs[0] in graph.tensors:
        return None
    if bias.size != weight.shape[1] or bias.shape[-1:] != (bias.size,) or bias.ndim > 2:
        return None
    return RawNode("Linear", [*product.inputs, parts[1]], raw.outputs, {}, product.label, "toolkit")


def _hard_sigmoid(graph: _Graph, raw: RawNode) -> RawNode | None:
    """``clip(x + 3, 0, 6) / 6``."""
    parts = graph.split(raw) if raw.op in ("Div", "Mul") and not raw.domain else None
    if parts is None or not graph.is_number(parts[1], 6 if raw.op == "Div" else 1 / 6):
        return None
    if raw.op == "Div" and raw.inputs[0] != parts[0]:
        return None
    x = _clipped(graph, parts[0])
    return None if x is None else RawNode("HardSigmoid", [x], raw.outputs, {"alpha": 1 / 6}, raw.label)


def _clipped(graph: _Graph, name: str) -> str | None:
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


def _gated(graph: _Graph, raw: RawNode) -> RawNode | None:
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


def _gate(graph: _Graph, x: str, gate: str, number: float) -> tuple[str, dict[str, Any]] | None:
    def near(value: float) -> bool:
        return abs(number - value) <= _NEAR

    made = graph.maker(gate, "Sigmoid", "HardSigmoid", "Clip", "Tanh", "Add")
    if made is None:
        return None
    if made.op == "Sigmoid" and made.inputs == [x] and near(1):
        return "Swish", {}
    if made.op == "HardSigmoid" and made.inputs == [x] and near(1):
        alpha, beta = made.attributes.get("alpha", 0.2), made.attributes.get("beta", 0.5)
        return ("HardSwish", {}) if abs(alpha - 1 / 6) < _NEAR and beta == 0.5 else None
    if made.op == "Clip" and near(1 / 6) and _clipped(graph, gate) == x:
        return "HardSwish", {}
    if made.op == "Tanh" and near(1):
        inner = graph.maker(made.inputs[0], "Softplus")
        return ("Mish", {}) if inner is not None and inner.inputs == [x] else None
    if made.op == "Add" and near(0.5):
        return ("Gelu", {}) if _is_erf_gate(graph, made, x) else None
    return None


def _is_erf_gate(graph: _Graph, add: RawNode, x: str) -> bool:
    """True for ``1 + erf(x / sqrt(2))``."""
    parts = graph.split(add)
    erf = graph.maker(parts[0], "Erf") if parts and graph.is_number(parts[1], 1) else None
    scaled = graph.maker(erf.inputs[0], "Div", "Mul") if erf else None
    inner = graph.split(scaled) if scaled else None
    if scaled is None or inner is None or inner[0] != x or (scaled.inputs[0] != x and scaled.op == "Div"):
        return False
    return graph.is_number(inner[1], math.sqrt(2) if scaled.op == "Div" else math.sqrt(0.5))


def _factors(graph: _Graph, raw: RawNode) -> tuple[list[str], float]:
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


def _layer_norm(graph: _Graph, raw: RawNode) -> RawNode | None:
    """``(x - mean) / sqrt(var + eps) * scale + bias`` over the last axis."""
    outer = graph.split(raw) if raw.op == "Add" and not raw.domain else None
    scaled = graph.maker(outer[0], "Mul") if outer else None
    inner = graph.split(scaled) if scaled else None
    if outer is None or inner is None:
        return None
    found = _normalized(graph, inner[0])
    scale, bias = graph.array(inner[1]), graph.array(outer[1])
    if found is None or scale is None or bias is None or scale.ndim != 1 or scale.shape != bias.shape:
        return None
    x, eps = found
    return RawNode(
        "LayerNormalization", [x, inner[1], outer[1]], raw.outputs, {"epsilon": eps, "axis": -1}, raw.label
    )


def _normalized(graph: _Graph, name: str) -> tuple[str, float] | None:
    div = graph.maker(name, "Div")
    sub = graph.maker(div.inputs[0], "Sub", only_reader=False) if div else None
    if div is None or sub is None:
        return None
    root = graph.maker(div.inputs[1], "Sqrt")
    mean = graph.maker(sub.inputs[1], "ReduceMean", only_reader=False)
    found = _mean_of_squares(graph, root.inputs[0]) if root else None
    if mean is None or found is None or mean.inputs[0] != sub.inputs[0] or not _over_last(graph, mean):
        return None
    squared, eps = found
    other = graph.maker(squared, "Sub", only_reader=False)
    same = other is not None and other.inputs == sub.inputs
    return (sub.inputs[0], eps) if same else None


def _rms_norm(graph: _Graph, raw: RawNode) -> RawNode | None:
    """``x / sqrt(mean(x^2) + eps) * scale`` over the last axis."""
    parts = graph.split(raw) if raw.op == "Mul" and not raw.domain else None
    scale = graph.array(parts[1]) if parts else None
    made = graph.maker(parts[0], "Mul", "Div") if parts else None
    if parts is None or made is None or scale is None or scale.ndim != 1:
        return None
    for x, other in (made.inputs, made.inputs[::-1]) if made.op == "Mul" else (made.inputs,):
        if made.op == "Mul":
            reciprocal = graph.maker(other, "Reciprocal")
            other = reciprocal.inputs[0] if reciprocal else ""
        root = graph.maker(other, "Sqrt")
        found = _mean_of_squares(graph, root.inputs[0]) if root else None
        if found is not None and found[0] == x:
            return RawNode("RMSNormalization", [x, parts[1]], raw.outputs, {"epsilon": found[1]}, raw.label)
    return None


def _mean_of_squares(graph: _Graph, name: str) -> tuple[str, float] | None:
    """Return x and eps of ``mean(x^2) + eps`` over the last axis."""
    add = graph.maker(name, "Add")
    parts = graph.split(add) if add else None
    eps = graph.number(parts[1]) if parts else None
    mean = graph.maker(parts[0], "ReduceMean") if parts else None
    square = graph.maker(mean.inputs[0], "Pow", "Mul") if mean and _over_last(graph, mean) else None
    if square is None or eps is None or len(square.inputs) != 2:
        return None
    x, other = square.inputs
    if (square.op == "Pow" and graph.is_number(other, 2)) or (square.op == "Mul" and other == x):
        return x, eps
    return None


def _over_last(graph: _Graph, mean: RawNode) -> bool:
    axes = mean.attributes.get("axes")
    if axes is None and len(mean.inputs) > 1:
        tensor = graph.tensors.get(mean.inputs[1])
        axes = None if tensor is None or tensor.data is None else tensor.data.ravel().tolist()
    return axes == [-1] and bool(mean.attributes.get("keepdims", 1))


PATTERNS = (_batch_norm, _linear, _hard_sigmoid, _gated, _layer_norm, _rms_norm)
