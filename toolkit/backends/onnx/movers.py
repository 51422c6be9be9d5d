"""Operators that only move values, on the integers themselves.

Where one reads dequantized values that are not quantized again behind it, ONNX Runtime 1.31 puts a QuantizeLinear there
and, from opset 21 on, refuses that itself.
"""

from __future__ import annotations

from toolkit.backends.onnx.graph import Graph

MOVERS = {"Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Slice", "MaxPool"}


def move_integers(graph: Graph) -> None:
    """Rewrite ``mover(DequantizeLinear(x))`` as ``DequantizeLinear(mover(x))``, for scales of whole tensors."""
    for node in list(graph.nodes):
        dequantize = graph.dequantized(node.input[0]) if node.op_type in MOVERS else None
        readers = graph.readers(node.output[0])
        if dequantize is None or (readers and all(reader.op_type == "QuantizeLinear" for reader in readers)):
            continue
        scale = graph.array(dequantize.input[1])
        if scale is None or scale.size != 1:
            continue
        moved = node.output[0]
        node.input[0] = dequantize.input[0]
        node.output[0] = f"{moved}_integers"
        graph.insert_behind(node, "DequantizeLinear", [node.output[0], *dequantize.input[1:]], moved)
    graph.remove_unread()
