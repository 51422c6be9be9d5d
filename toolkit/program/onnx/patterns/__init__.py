"""Operators that exporters take apart, put together again.

Each pattern looks at a node and those before it, and puts one node in its place; what nobody reads any more is dropped
by the reader. Only nodes that make a tensor for one reader are looked through.
"""

from __future__ import annotations

from toolkit.program.onnx.node import RawNode, Tensor
from toolkit.program.onnx.patterns.gates import gated, hard_sigmoid, softplus
from toolkit.program.onnx.patterns.graph import Graph
from toolkit.program.onnx.patterns.layers import batch_norm, linear
from toolkit.program.onnx.patterns.norms import layer_norm, rms_norm

PATTERNS = (
    batch_norm,
    layer_norm,
    rms_norm,
    linear,
    softplus,
    hard_sigmoid,
    gated,
)  # in this order: larger ones first


def recognise(raws: list[RawNode], tensors: dict[str, Tensor], outputs: list[str]) -> list[RawNode]:
    """Return the nodes with patterns replaced; folded constants are added to ``tensors``."""
    graph = Graph({name: raw for raw in raws for name in raw.outputs if name}, tensors)
    graph.readers.update(name for raw in raws for name in raw.inputs)
    graph.readers.update(outputs)
    for pattern in PATTERNS:
        for i, raw in enumerate(raws):
            found = pattern(graph, raw)
            if found is not None:
                raws = [*raws[:i], found, *raws[i + 1 :]]
                graph.makers.update((name, found) for name in found.outputs if name)
    return raws
