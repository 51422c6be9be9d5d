"""A model as a chain of blocks, each with weights of its own, for rules that train block by block."""

from __future__ import annotations

from operator import attrgetter

import torch
from torch import nn
from torch.fx import Graph, GraphModule, Node, Tracer

from toolkit.errors import ToolkitError, first_line
from toolkit.program.fake_quantized import FakeQuantized

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Embedding)
_ATEN = torch.ops.aten
_OPERATORS = (_ATEN.linear.default, _ATEN.conv1d.default, _ATEN.conv2d.default, _ATEN.embedding.default)


def blocks(model: nn.Module) -> list[nn.Module]:
    """Return modules whose chain computes what ``model`` does, on the model's own weights.

    A block begins at each layer with weights that only the chain's last value reaches, so it takes one tensor and
    returns one; activations, pools and normalizations belong to the layer before them, a dropout to the one after it,
    and a residual block is one block. What does not learn begins none. The last block ends in the model's outputs.
    Layers may round their weights and activations, with gradients passed straight through.

    Raises:
        ToolkitError: the model's code cannot be traced, or it does not take and return one tensor.
    """
    root, graph = _traced(model)
    nodes = list(graph.nodes)
    result = nodes[-1].args[0]
    if isinstance(result, tuple) and len(result) == 1:  # of an exported program
        (result,) = result
    inputs = [node for node in nodes if node.op == "placeholder"]
    if len(inputs) != 1 or not isinstance(result, Node):
        raise ToolkitError(
            "a model of blocks takes one tensor and returns one",
            at=type(model).__name__,
            fix='train it with rule = "backprop"',
        )
    values = _values(nodes, inputs[0])
    spans = _spans(root, values)
    if not spans:
        raise ToolkitError("the model has no weights to train", at=type(model).__name__)
    return [_part(root, values, first, last) for first, last in spans]


class _Shallow(Tracer):
    """Take torch's own layers whole, with whatever computes their weights; look into everything else."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, _LAYERS) or not list(m.children())


def _traced(model: nn.Module) -> tuple[nn.Module, Graph]:
    """Return a model's graph, and the module that its targets belong to."""
    if isinstance(model, FakeQuantized):
        return model.graph_module, model.graph_module.graph
    try:
        return model, _Shallow().trace(model)
    except Exception as error:  # the tracer runs the model's own code, which may raise anything
        raise ToolkitError(
            f"the model cannot be cut into blocks: {first_line(error)}",
            at=type(model).__name__,
            fix='train it with rule = "backprop", or write it without branches that depend on values',
        ) from error


def _values(nodes: list[Node], given: Node) -> list[Node]:
    """Return the input and all that is made of it, without the number of samples, which is the same everywhere."""
    values = {given: None}
    for node in nodes[:-1]:
        if any(each in values for each in node.all_input_nodes) and node.target is not _ATEN.sym_size.int:
            values[node] = None
    return list(values)


def _spans(root: nn.Module, nodes: list[Node]) -> list[tuple[int, int]]:
    """Return each block's first and last value, the input left out."""
    position = {node: index for index, node in enumerate(nodes)}
    starts: list[int] = []
    reach, dropped = 0, False  # how far values made before a node are still read; whether that was a dropout
    for index, node in enumerate(nodes[1:], start=1):
        before = nodes[index - 1]
        # whether nothing older than ``before`` is read at this node or later
        alone = reach <= index and bool(node.args) and node.args[0] is before
        if _has_weights(root, node) and (not starts or alone):
            starts.append(index - 1 if dropped else index)
        dropped = alone and _is(root, node, nn.Dropout)
        later = (position[user] for user in before.users if user is not node and user in position)
        reach = max([reach, *later])
    starts[:1] = [1] * len(starts[:1])
    return list(zip(starts, [*(start - 1 for start in starts[1:]), len(nodes) - 1], strict=bool(starts)))


def _has_weights(root: nn.Module, node: Node) -> bool:
    """Return whether ``node`` is a layer with weights that learn."""
    if _is(root, node, *_LAYERS):
        layer = root.get_submodule(str(node.target))
        return any(parameter.requires_grad for parameter in layer.parameters())
    return node.target in _OPERATORS and any(_learns(root, each) for each in node.all_input_nodes)


def _learns(root: nn.Module, node: Node) -> bool:
    """Return whether ``node`` is a parameter that learns, or one that is rounded."""
    if node.op == "get_attr":
        return bool(attrgetter(str(node.target))(root).requires_grad)
    return _is(root, node, nn.Module) and any(
        each.op == "get_attr" and _learns(root, each) for each in node.all_input_nodes
    )


def _is(root: nn.Module, node: Node, *kinds: type[nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(root.get_submodule(str(node.target)), kinds)


def _part(root: nn.Module, nodes: list[Node], first: int, last: int) -> nn.Module:
    graph = Graph()
    given = graph.placeholder("x")
    copies = {nodes[first - 1]: given}

    def copied(old: Node) -> Node:
        if old not in copies and old.target is _ATEN.sym_size.int:
            copies[old] = graph.call_function(_ATEN.sym_size.int, (given, 0))
        elif old not in copies:  # a value of this block, or a constant and what is made of it alone
            copies[old] = graph.node_copy(old, copied)
        return copies[old]

    for node in nodes[first : last + 1]:
        copied(node)
    graph.output(copies[nodes[last]])
    return GraphModule(root, graph)
