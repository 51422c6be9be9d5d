"""An ONNX graph that is being rewritten: who makes a tensor, who reads it, which are constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


class Graph:
    """The nodes in order and the constants by name; ``finish`` puts both into the model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self.ranks = {value.name: len(value.type.tensor_type.shape.dim) for value in model.graph.value_info}
        self.outputs = {value.name for value in model.graph.output}

    def producer(self, tensor: str) -> onnx.NodeProto | None:
        """Return the node that makes ``tensor``."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def readers(self, tensor: str) -> list[onnx.NodeProto]:
        """Return the nodes that read ``tensor``."""
        return [node for node in self.nodes if tensor in node.input]

    def rank(self, tensor: str) -> int:
        """Return how many axes a tensor between two nodes has."""
        return self.ranks[tensor]

    def array(self, name: str) -> np.ndarray | None:
        """Return the constant called ``name``."""
        tensor = self.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def dequantized(self, tensor: str) -> onnx.NodeProto | None:
        """Return the DequantizeLinear that makes ``tensor``."""
        node = self.producer(tensor)
        return node if node is not None and node.op_type == "DequantizeLinear" else None

    def add_constant(self, name: str, array: np.ndarray) -> str:
        """Add a constant under ``name``, or the next free one like it, and return that."""
        free, count = name, 2
        while free in self.constants:
            free, count = f"{name}_{count}", count + 1
        self.replace_constant(free, array)
        return free

    def replace_constant(self, name: str, array: np.ndarray) -> None:
        """Let the constant called ``name`` hold ``array``."""
        self.constants[name] = numpy_helper.from_array(array, name)

    def insert(
        self, before: onnx.NodeProto, op: str, inputs: list[str], output: str, **attributes: Any
    ) -> str:
        """Put a node in front of another one, and return its output's name."""
        node = helper.make_node(op, inputs, [output], name=output, **attributes)
        self.nodes.insert(self.nodes.index(before), node)
        return output

    def insert_behind(self, node: onnx.NodeProto, op: str, inputs: list[str], output: str) -> None:
        """Put a node behind another one."""
        self.nodes.insert(self.nodes.index(node) + 1, helper.make_node(op, inputs, [output], name=output))

    def remove_unread(self) -> None:
        """Remove the nodes of which nothing is read."""
        read = set(self.outputs)
        kept = []
        for node in reversed(self.nodes):
            if not read.isdisjoint(node.output):
                kept.append(node)
                read.update(node.input)
        self.nodes = kept[::-1]

    def finish(self) -> onnx.ModelProto:
        """Return the model with the nodes and those constants that they read."""
        read = {name for node in self.nodes for name in node.input} | self.outputs
        graph = self.model.graph
        del graph.node[:], graph.initializer[:], graph.value_info[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(tensor for name, tensor in self.constants.items() if name in read)
        _forget(self.model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer)
        return self.model


def _forget(*parts: Any) -> None:
    """Remove what the exporter says of itself: source lines and paths of this machine."""
    for part in parts:
        for name in {field.name for field in part.DESCRIPTOR.fields} & {"metadata_props", "doc_string"}:
            part.ClearField(name)
