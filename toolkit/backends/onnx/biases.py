"""Biases of integer layers, rounded as the toolkit does: to int32 at input scale times weight scale."""

from __future__ import annotations

import numpy as np
import onnx

from toolkit.backends.onnx.graph import Graph

_WITH_BIAS = ("Conv", "ConvTranspose", "Gemm")
_MOST = 2**31 - 1


def integer_biases(graph: Graph) -> None:
    """Round the float bias of every layer whose input and weight are integers, as ``lower.quantize_bias`` does.

    Convolutions and Gemm get int32 and a DequantizeLinear, as runtimes look for. What is added behind a MatMul stays
    float32, with as many axes as the product: with one, ONNX Runtime 1.31 makes a Gemm of the two and, from opset
    21 on, a QuantizeLinear that it then refuses itself.
    """
    for node in list(graph.nodes):
        if node.op_type in _WITH_BIAS and len(node.input) == 3:
            if (found := _rounded(graph, node, node.input[2])) is not None:
                integers, scale = found
                name = graph.add_constant(f"{node.input[2]}_int32", integers.astype(np.int32))
                at = graph.add_constant(f"{node.input[2]}_scale", scale.astype(np.float32))
                axis = {} if scale.ndim == 0 else {"axis": 0}
                node.input[2] = graph.insert(node, "DequantizeLinear", [name, at], f"{name}_real", **axis)
        elif node.op_type == "MatMul" and len(readers := graph.readers(node.output[0])) == 1:
            (add,) = readers
            index = 1 - list(add.input).index(node.output[0]) if add.op_type == "Add" else 0
            if add.op_type == "Add" and (found := _rounded(graph, node, add.input[index])) is not None:
                shape = (1,) * (graph.rank(node.output[0]) - 1) + (-1,)
                real = (found[0] * found[1]).astype(np.float32)
                add.input[index] = graph.add_constant(f"{add.input[index]}_rounded", real.reshape(shape))


def _rounded(graph: Graph, layer: onnx.NodeProto, name: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Return a bias as whole numbers and their scale, both float64; None where the layer has no integers."""
    x, weight = (graph.dequantized(tensor) for tensor in layer.input[:2])
    bias = graph.array(name)
    if x is None or weight is None or bias is None or bias.dtype != np.float32 or bias.ndim != 1:
        return None
    scales = graph.array(x.input[1]), graph.array(weight.input[1])
    if scales[0] is None or scales[1] is None or scales[0].size != 1 or scales[1].size not in (1, bias.size):
        return None
    scale = scales[0].astype(np.float64).reshape(()) * scales[1].astype(np.float64)
    integers = np.rint(bias / scale)
    return (integers, scale) if np.abs(integers).max(initial=0) <= _MOST else None
