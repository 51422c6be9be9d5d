"""Biases of integer layers as int32 at input scale times weight scale: what QDQ models have there."""

from __future__ import annotations

import numpy as np
import onnx

from toolkit.backends.onnx.graph import Graph

_WITH_BIAS = ("Conv", "ConvTranspose", "Gemm")
_MOST = 2**31 - 1


def integer_biases(graph: Graph) -> None:
    """Round the float bias of every layer whose input and weight are integers, as ``lower.quantize_bias`` does."""
    for node in list(graph.nodes):
        if node.op_type in _WITH_BIAS and len(node.input) == 3:
            _round(graph, node, node, 2)
        elif node.op_type == "MatMul" and len(readers := graph.readers(node.output[0])) == 1:
            (add,) = readers
            if add.op_type == "Add":
                _round(graph, node, add, 1 - list(add.input).index(node.output[0]))


def _round(graph: Graph, layer: onnx.NodeProto, reader: onnx.NodeProto, index: int) -> None:
    x, weight = (graph.dequantized(name) for name in layer.input[:2])
    name = reader.input[index]
    bias = graph.array(name)
    if x is None or weight is None or bias is None or bias.dtype != np.float32 or bias.ndim != 1:
        return
    scales = graph.array(x.input[1]), graph.array(weight.input[1])
    if scales[0] is None or scales[1] is None or scales[0].size != 1 or scales[1].size not in (1, bias.size):
        return
    scale = scales[0].astype(np.float64).reshape(()) * scales[1].astype(np.float64)
    rounded = np.rint(bias / scale)
    if np.abs(rounded).max(initial=0) > _MOST:
        return  # the toolkit's own lowering refuses such a model
    integers = graph.add_constant(f"{name}_int32", rounded.astype(np.int32))
    at = graph.add_constant(f"{name}_scale", scale.astype(np.float32))
    axis = {} if scale.ndim == 0 else {"axis": 0}
    reader.input[index] = graph.insert(reader, "DequantizeLinear", [integers, at], f"{integers}_real", **axis)
