"""Integers as uint8, 128 more: what ONNX Runtime multiplies exactly on every processor.

On x86 ONNX Runtime 1.31 has no fast kernels for int8 activations. It makes uint8 of them where one layer reads them
and computes the others in float32. It then multiplies uint8 by int8, and where the processor lacks VNNI (before Ice
Lake and Zen 4) it adds two such products in 16 bits, which saturate: outputs are wrong by dozens of steps. Weights of
8 bits are uint8, too, therefore; those of 4 bits and less cannot saturate.
"""

from __future__ import annotations

import numpy as np
import onnx

from toolkit.backends.onnx.graph import Graph
from toolkit.backends.onnx.movers import MOVERS

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
_UP = 128


def make_unsigned(graph: Graph) -> None:
    """Let activations between two nodes, and the weights of 8 bits that they meet, be uint8; ends stay as they are."""
    for node in list(graph.nodes):
        if node.op_type == "QuantizeLinear" and (ends := _ends(graph, node)) is not None:
            for end in (node, *ends):
                _raise_zero_point(graph, end)
    for layer in graph.nodes:
        if layer.op_type in _LAYERS:
            x, weight = (graph.dequantized(tensor) for tensor in layer.input[:2])
            if x is not None and weight is not None and _zero_type(graph, x) == np.uint8:
                _raise_weight(graph, weight)


def _ends(graph: Graph, quantize: onnx.NodeProto) -> list[onnx.NodeProto] | None:
    """Return the nodes that dequantize what ``quantize`` makes; None where something else reads int8."""
    if _zero_type(graph, quantize) != np.int8:
        return None
    found: list[onnx.NodeProto] = []
    ahead = [quantize.output[0]]
    while ahead:
        tensor = ahead.pop()
        if tensor in graph.outputs:
            return None
        for reader in graph.readers(tensor):
            if reader.op_type in MOVERS:
                ahead += reader.output
            elif reader.op_type == "DequantizeLinear":
                found.append(reader)
            else:
                return None
    return found


def _zero_type(graph: Graph, node: onnx.NodeProto) -> np.dtype | None:
    zero = graph.array(node.input[2]) if len(node.input) > 2 else None
    return None if zero is None else zero.dtype


def _raise_zero_point(graph: Graph, node: onnx.NodeProto) -> None:
    node.input[2] = _raised(graph, node.input[2])


def _raise_weight(graph: Graph, dequantize: onnx.NodeProto) -> None:
    name = dequantize.input[0]
    weight = graph.array(name)
    if weight is None or weight.dtype != np.int8 or _zero_type(graph, dequantize) != np.int8:
        return
    readers = graph.readers(name)
    if all(reader.op_type == "DequantizeLinear" for reader in readers):
        for reader in readers:
            _raise_zero_point(graph, reader)
        graph.replace_constant(name, _up(weight))
    else:  # a table, say, that rows are taken from as well
        dequantize.input[0] = _raised(graph, name)
        _raise_zero_point(graph, dequantize)


def _raised(graph: Graph, name: str) -> str:
    """Return the name of a constant's twin in uint8, made when first asked for."""
    made = f"{name}_uint8"
    if made not in graph.constants:
        array = graph.array(name)
        assert array is not None
        graph.replace_constant(made, _up(array))
    return made


def _up(array: np.ndarray) -> np.ndarray:
    return np.asarray(array.astype(np.int16) + _UP).astype(np.uint8)
