"""What belongs to a layer with weights: the bias behind a product, batch normalization."""

from __future__ import annotations

from math import prod

import numpy as np

from toolkit.program.onnx.node import RawNode
from toolkit.program.onnx.patterns.graph import Graph


def batch_norm(graph: Graph, raw: RawNode) -> RawNode | None:
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


def linear(graph: Graph, raw: RawNode) -> RawNode | None:
    """``MatMul`` with a constant and the addition of a row behind it are one fully connected layer."""
    parts = graph.split(raw) if raw.op == "Add" and not raw.domain else None
    product = graph.maker(parts[0], "MatMul") if parts else None
    if parts is None or product is None:
        return None
    weight, bias = graph.reals(product.inputs[1]), graph.reals(parts[1])
    if weight is None or bias is None or len(weight.shape) != 2 or product.inputs[0] in graph.tensors:
        return None
    row = (weight.shape[1],)
    if bias.shape[-1:] != row or prod(bias.shape) != row[0] or (bias.shape != row and bias.quant is not None):
        return None
    return RawNode("Linear", [*product.inputs, parts[1]], raw.outputs, {}, product.label, "toolkit")
