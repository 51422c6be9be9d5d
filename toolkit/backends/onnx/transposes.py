"""Weights stored as their matrix product reads them: runtimes find integer kernels for those only."""

from __future__ import annotations

import numpy as np

from toolkit.backends.onnx.graph import Graph


def transpose_weights(graph: Graph) -> None:
    """Rewrite ``Transpose(DequantizeLinear(weight))`` as a DequantizeLinear of the transposed weight."""
    for node in list(graph.nodes):
        if node.op_type != "Transpose" or (dequantize := graph.dequantized(node.input[0])) is None:
            continue
        weight = graph.array(dequantize.input[0])
        if weight is None or len(graph.readers(dequantize.output[0])) > 1:
            continue
        if len(graph.readers(dequantize.input[0])) > 1:
            continue
        order = [int(axis) for axis in next(a.ints for a in node.attribute if a.name == "perm")]
        name = dequantize.input[0]
        graph.replace_constant(name, np.ascontiguousarray(weight.transpose(order)))
        for attribute in dequantize.attribute:
            if attribute.name == "axis":
                attribute.i = order.index(attribute.i)
        dequantize.output[0] = node.output[0]
        graph.nodes.remove(node)
