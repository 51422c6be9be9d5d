"""A model as a chain of blocks, each with weights of its own, for rules that train block by block."""

from __future__ import annotations

from torch import nn
from torch.fx import Graph, GraphModule, Node, Tracer

from toolkit.errors import ToolkitError, first_line


def blocks(model: nn.Module) -> list[nn.Module]:
    """Return modules whose chain computes what ``model`` does, on the model's own weights.

    A block begins at each layer with weights that only the chain's last value reaches, so it takes one tensor and
    returns one; activations, pools and normalizations belong to the layer before them, a dropout to the one after it,
    and a residual block is one block. What does not learn begins none. The last block ends in the model's outputs.

    Raises:
        ToolkitError: the model's code cannot be traced, or it does not take and return one tensor.
    """
    try:
        graph = _Shallow().trace(model)
    except Exception as error:  # the tracer runs the model's own code, which may raise anything
        raise ToolkitError(
            f"the model cannot be cut into blocks: {first_line(error)}",
            at=type(model).__name__,
            fix='train it with rule = "backprop", or write it without branches that depend on values',
        ) from error
    nodes = list(graph.nodes)
    if sum(node.op == "placeholder" for node in nodes) != 1 or not isinstance(nodes[-1].args[0], Node):
        raise ToolkitError(
            "a model of blocks takes one tensor and returns one",
            at=type(model).__name__,
            fix='train it with rule = "backprop"',
        )
    return [_part(model, nodes, first, last) for first, last in _spans(model, nodes)]


class _Shallow(Tracer):
    """Take torch's own layers whole; look into everything else, GraphModules included."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return not list(m.children())


def _spans(model: nn.Module, nodes: list[Node]) -> list[tuple[int, int]]:
    """Return each block's first and last node, placeholder and output left out."""
    position = {node: index for index, node in enumerate(nodes)}
    starts: list[int] = []
    reach, dropped = 0, False  # how far values made before a node are still read; whether that was a dropout
    for index, node in enumerate(nodes[1:-1], start=1):
        before = nodes[index - 1]
        # whether nothing older than ``before`` is read at this node or later
        alone = reach <= index and bool(node.args) and node.args[0] is before
        if _has_weights(model, node) and (not starts or alone):
            starts.append(index - 1 if dropped else index)
        dropped = alone and _is(model, node, nn.Dropout)
        reach = max([reach, *(position[user] for user in before.users if user is not node)])
    if not starts:
        raise ToolkitError("the model has no weights to train", at=type(model).__name__)
    starts[0] = 1
    return list(zip(starts, [*(start - 1 for start in starts[1:]), len(nodes) - 2], strict=True))


def _has_weights(model: nn.Module, node: Node) -> bool:
    """Return whether ``node`` is a layer with weights that learn."""
    if not _is(model, node, nn.Linear, nn.Conv1d, nn.Conv2d, nn.Embedding):
        return False
    return any(parameter.requires_grad for parameter in model.get_submodule(str(node.target)).parameters())


def _is(model: nn.Module, node: Node, *kinds: type[nn.Module]) -> bool:
    return node.op == "call_module" and isinstance(model.get_submodule(str(node.target)), kinds)


def _part(model: nn.Module, nodes: list[Node], first: int, last: int) -> nn.Module:
    graph = Graph()
    copies = {nodes[first - 1]: graph.placeholder("x")}
    for node in nodes[first : last + 1]:
        copies[node] = graph.node_copy(node, lambda old: copies[old])
    graph.output(copies[nodes[last]])
    return GraphModule(model, graph)
