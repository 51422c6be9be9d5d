"""Modules to NIR."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from toolkit import atomic
from toolkit.errors import MISSING, ToolkitError
from toolkit.program.imported import WRONG_INPUTS
from toolkit.spiking.delayed_linear import DelayedLinear
from toolkit.spiking.graph import Graph
from toolkit.spiking.layers import Input, Output, StackedLinear
from toolkit.spiking.neurons import Recurrent
from toolkit.spiking.nir.delays import as_graph
from toolkit.spiking.nir.exports import EXPORTS, shape_after
from toolkit.spiking.nir.hdf5 import Tree
from toolkit.spiking.nir.node import SEPARATOR, Shape
from toolkit.spiking.order import Edge
from toolkit.spiking.time import EachStep, GlobalMean
from toolkit.verify.child import importable

if TYPE_CHECKING:
    import nir

_NOTHING = (nn.Identity, nn.Dropout, nn.Dropout2d)  # in evaluation mode
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


def save(module: nn.Module, path: Path | str, shape: Shape | None = None) -> None:
    """Write a network as a NIR file, with ``dt``, discretisation and reset as metadata.

    Args:
        module: ``Graph``, or ``nn.Sequential`` of neurons, ``EachStep`` and ``Recurrent``, in evaluation mode.
        path: the file, replaced as a whole.
        shape: of a step's input without the axis of samples; a ``Graph`` and a linear layer know it themselves.

    Raises:
        ToolkitError: see ``to_graph``; or the file cannot be written.
    """
    graph = to_graph(module, shape)
    import nir

    with atomic.replacing(Path(path)) as new:
        nir.write(new, graph)


def to_graph(module: nn.Module, shape: Shape | None = None) -> nir.NIRGraph:
    """Return a network as a ``nir.NIRGraph``; see ``save``.

    Raises:
        ToolkitError: layers that NIR has no type for, all of them named; a shape is missing or does not fit; the
            package nir is not installed.
    """
    if not importable("nir"):
        raise ToolkitError(
            "nir is not installed, which writes NIR files",
            fix='pip install "edge-toolkit[spiking]"',
            exit_code=MISSING,
        )
    import nir

    return nir.dict2NIRNode(to_tree(module, shape))


def to_tree(module: nn.Module, shape: Shape | None = None) -> Tree:
    """Return a network as what ``nir.NIRGraph.to_dict`` gives; see ``save``."""
    leaves = _leaves("", module)
    shape = input_shape(module) if shape is None else tuple(shape)
    if shape is None:
        raise ToolkitError(
            "nothing says the shape of the network's input",
            fix="give the shape of one step without the axis of samples, as in save(net, path, (2, 34, 34))",
        )
    writer = _Writer()
    if len(leaves) == 1 and isinstance(leaves[0][1], Graph):
        writer.graph("", leaves[0][1])
    else:
        writer.node("input", Input(), shape)
        writer.chain("", leaves, shape, ["input"])
    if writer.unknown:
        lines = "\n      ".join(writer.unknown)
        raise ToolkitError(
            f"{len(writer.unknown)} layers cannot be written to NIR",
            at=lines,
            fix="replace them in the model",
        )
    return _nested(writer.nodes, writer.edges)


def _leaves(path: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Return the layers one after the other, normalizations folded into those before them."""
    if isinstance(module, EachStep):
        return _leaves(path, module.module)
    if not isinstance(module, nn.Sequential):
        return [(path or "0", module)]
    found: list[tuple[str, nn.Module]] = []
    for name, child in module.named_children():
        found += _leaves(f"{path}.{name}" if path else name, child)
    return _folded(found)


def _folded(leaves: list[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    found: list[tuple[str, nn.Module]] = []
    for name, module in leaves:
        if isinstance(module, _NORMS) and found and not module.training:
            before, layer = found[-1]
            if isinstance(layer, nn.Conv1d | nn.Conv2d):
                found[-1] = (before, fuse_conv_bn_eval(layer.eval(), module))
                continue
            if isinstance(layer, nn.Linear):
                found[-1] = (before, fuse_linear_bn_eval(layer.eval(), module))
                continue
            if isinstance(layer, DelayedLinear) and isinstance(module, nn.BatchNorm1d):
                found[-1] = (before, as_graph(layer, module))
                continue
        if not isinstance(module, _NOTHING) or isinstance(module, Input | Output):
            found.append((name, module))
    return found


def input_shape(module: nn.Module) -> Shape | None:
    """Return the shape of a step's input, without the axis of samples, where the first layer knows it."""
    leaves = _leaves("", module)
    first: Any = leaves[0][1] if leaves else None
    if isinstance(first, Graph):
        return first.shapes[first.inputs[0]]
    if isinstance(first, nn.Linear | StackedLinear | DelayedLinear):
        *rows, _, inputs = first.weight.shape
        return (*rows, inputs)
    return None


class _Writer:
    """Collects nodes, flat, and what cannot be written."""

    def __init__(self) -> None:
        self.nodes: dict[str, Tree] = {}
        self.edges: list[Edge] = []
        self.unknown: list[str] = []

    def node(self, name: str, module: nn.Module, shape: Shape) -> None:
        """Add the node ``name`` for a module that takes ``shape``."""
        write = EXPORTS.get(type(module))
        try:
            if write is not None:
                self.nodes[name] = write(module, shape)
                return
            why = f"NIR has no node for {type(module).__name__}"
        except ToolkitError as error:
            why = error.what
        self.unknown.append(f"{name}: {why}")

    def chain(
        self,
        prefix: str,
        leaves: list[tuple[str, nn.Module]],
        shape: Shape,
        last: list[str],
        end: str = "output",
    ) -> Shape:
        """Add layers behind the node ``last[0]``, and the end; return the shape that comes out."""
        for path, module in leaves:
            name = prefix + path
            if isinstance(module, GlobalMean):
                whole = [
                    (f"{path}.pool", nn.AvgPool2d((shape[1], shape[2]))),
                    (f"{path}.flatten", nn.Flatten()),
                ]
                shape = self.chain(prefix, whole, shape, last, end="")
                continue
            module = as_graph(module) if isinstance(module, DelayedLinear) else module
            into = out = name
            if isinstance(module, Graph):
                inner = name + SEPARATOR
                self.graph(inner, module)
                if len(module.inputs) + len(module.outputs) > 2:
                    self.unknown.append(f"{name}: a graph within a graph has one input and one output")
                into, out = inner + module.inputs[0], inner + module.outputs[0]
                shape = module.shapes[module.outputs[0]]
            elif isinstance(module, Recurrent):
                into, out = self._recurrent(name + SEPARATOR, module, shape)
            else:
                self.node(name, module, shape)
                shape = _after(name, module, shape)
            self.edges.append((last[0], into))
            last[0] = out
        if end:
            self.node(prefix + end, Output(), shape)
            self.edges.append((last[0], prefix + end))
        return shape

    def _recurrent(self, prefix: str, module: Recurrent, shape: Shape) -> tuple[str, str]:
        """Add a graph of its own, with the names that other platforms give its nodes."""
        ends = prefix + "input", prefix + "output"
        self.node(ends[0], Input(), shape)
        self.node(prefix + "lif", module.neuron, shape)
        self.edges.append((ends[0], prefix + "lif"))
        back = [prefix + "lif"]
        weights = _leaves("", module.weights)
        named = [("w_rec" if len(weights) == 1 else f"w_rec.{path}", layer) for path, layer in weights]
        self.chain(prefix, named, shape, back, end="")
        self.edges += [(back[0], prefix + "lif"), (prefix + "lif", ends[1])]
        self.node(ends[1], Output(), shape)
        return ends

    def graph(self, prefix: str, graph: Graph) -> None:
        """Add a graph's nodes and edges as they are."""
        for name in graph.paths:
            sources = graph.sources[name]
            shape = graph.shapes[sources[0]] if sources else graph.shapes[name]
            self.node(prefix + name, graph.node(name), shape)
        self.edges += [(prefix + source, prefix + target) for source, target in graph.edges]


def _after(name: str, module: nn.Module, shape: Shape) -> Shape:
    try:
        with torch.no_grad():
            return shape_after(module, shape)
    except WRONG_INPUTS as error:
        raise ToolkitError(
            f"{name}, a {type(module).__name__}, cannot take the shape {list(shape)}",
            at=name,
            fix="give the shape of one step without the axis of samples",
        ) from error


def _nested(nodes: dict[str, Tree], edges: list[Edge]) -> Tree:
    """Return a graph; nodes called ``graph/node`` become a graph within it."""
    own: dict[str, Tree] = {}
    own_edges: list[Edge] = []
    inner: dict[str, tuple[dict[str, Tree], list[Edge]]] = {}
    for name, tree in nodes.items():
        head, _, rest = name.partition(SEPARATOR)
        if rest:
            inner.setdefault(head, ({}, []))[0][rest] = tree
        else:
            own[name] = tree
    for source, target in edges:
        (head, _, rest), (head2, _, rest2) = source.partition(SEPARATOR), target.partition(SEPARATOR)
        if rest and rest2 and head == head2:
            inner[head][1].append((rest, rest2))
        else:
            own_edges.append((head, head2))
    own |= {head: _nested(*parts) for head, parts in inner.items()}
    # nir's own inference of shapes knows neither kernels that are not square nor groups, so it is left out
    return {"type": "NIRGraph", "nodes": own, "edges": own_edges, "type_check": False}
