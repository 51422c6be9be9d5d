"""The nodes of a NIR graph, flat: those of a graph within the graph are called ``graph/node``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import Tensor

from toolkit.errors import ToolkitError
from toolkit.spiking.nir.hdf5 import Tree
from toolkit.spiking.order import Edge

Shape = tuple[int, ...]  # of a step, without the axis of samples

MAX_NODES = 4096
MAX_DEPTH = 16  # of graphs within graphs
MAX_VALUES = 1 << 24  # of one tensor between nodes
SEPARATOR = "/"  # HDF5 allows it in no name


@contextmanager
def at(name: str) -> Iterator[None]:
    """Name the node in an error that names nothing."""
    try:
        yield
    except ToolkitError as error:
        error.at = error.at or name
        raise


@dataclass(frozen=True)
class Node:
    """A node as the file has it."""

    name: str
    type: str
    values: Tree
    metadata: Tree = field(default_factory=dict)

    def error(self, what: str, fix: str = "") -> ToolkitError:
        """Return the error that ``what`` is wrong with this node."""
        fix = fix or "mend the model where it was exported"
        return ToolkitError(f"the {self.type} {self.name} {what}", at=self.name, fix=fix)

    def has(self, key: str) -> bool:
        """True when the file gives ``key``."""
        return self.values.get(key) is not None

    def numbers(self, key: str) -> np.ndarray:
        """Return finite numbers, float32 or float64."""
        if not self.has(key):
            raise self.error(f"has no {key}")
        found = self.values[key]
        array = found.detach().cpu().numpy() if isinstance(found, Tensor) else np.asarray(found)
        if array.dtype.kind not in "fiub":
            raise self.error(f"has a {key} that is no array of numbers")
        if array.dtype != np.float32:
            array = array.astype(np.float64)
        if not np.isfinite(array).all():
            raise self.error(f"has a {key} that is not finite")
        return array

    def whole(self, key: str, least: int, count: int = 1) -> tuple[int, ...]:
        """Return ``count`` whole numbers; one in the file stands for all."""
        array = self.numbers(key).reshape(-1)
        if array.size not in (1, count) or (array != np.rint(array)).any():
            raise self.error(f"has a {key} of {_shown(array)}: {count} whole numbers are wanted")
        if array.min() < least or array.max() > 1 << 20:
            raise self.error(f"has a {key} of {_shown(array)}: at least {least} is wanted")
        whole = tuple(int(each) for each in array)
        return whole if len(whole) == count else whole * count

    def shape(self, key: str) -> Shape:
        """Return a shape that the file gives."""
        array = self.numbers(key).reshape(-1)
        if array.size > 8 or (array != np.rint(array)).any() or (array.size and array.min() < 1):
            raise self.error(f"has a shape of {_shown(array)}")
        sides = tuple(int(each) for each in array)
        self.check_size(sides)
        return sides

    def check_size(self, shape: Shape) -> None:
        """Refuse tensors beyond ``MAX_VALUES``."""
        if math.prod(shape) > MAX_VALUES:
            raise self.error(f"has a tensor of shape {list(shape)}: at most {MAX_VALUES:,} values are read")


def _shown(array: np.ndarray) -> str:
    return str([float(f"{each:g}") for each in array[:8].tolist()])


@dataclass(frozen=True)
class Flat:
    """Nodes by name, and edges, of a graph and all graphs within."""

    nodes: dict[str, Node]
    edges: list[Edge]
    inputs: list[str]
    outputs: list[str]


def flatten(tree: Tree) -> Flat:
    """Return the graph's nodes and edges.

    Raises:
        ToolkitError: the tree is no graph, names nodes that are not there, has no input or no output, or is too
            large; a graph within has several.
    """
    nodes: dict[str, Node] = {}
    edges, inputs, outputs = _collect(tree, "", nodes, 0)
    return Flat(nodes, edges, inputs, outputs)


def _collect(
    tree: Tree, prefix: str, nodes: dict[str, Node], depth: int
) -> tuple[list[Edge], list[str], list[str]]:
    place = prefix.rstrip(SEPARATOR) or "the graph"
    if _type(tree) != "NIRGraph" or not isinstance(tree.get("nodes"), dict):
        raise ToolkitError(f"{place} is no NIRGraph with nodes", fix="export a whole network, not one node")
    if depth > MAX_DEPTH:
        raise ToolkitError(f"{place} lies within more than {MAX_DEPTH} graphs", fix="export fewer levels")
    edges: list[Edge] = []
    ends: dict[str, tuple[str, str]] = {}  # where edges to and from a name lead
    for name, part in tree["nodes"].items():
        if not name or SEPARATOR in name or not isinstance(part, dict):
            raise ToolkitError(f"{name!r} is no node", at=place, fix="give nodes names without /")
        full = prefix + name
        if _type(part) == "NIRGraph":
            inner, inputs, outputs = _collect(part, full + SEPARATOR, nodes, depth + 1)
            edges += inner
            ends[name] = (inputs[0], outputs[0])
            continue
        values = {key: value for key, value in part.items() if key not in ("type", "metadata")}
        metadata = part.get("metadata")
        nodes[full] = Node(full, _type(part), values, metadata if isinstance(metadata, dict) else {})
        ends[name] = (full, full)
        if len(nodes) > MAX_NODES:
            raise ToolkitError(f"the graph has more than {MAX_NODES} nodes", fix="export fewer")
    edges += _edges(tree.get("edges"), ends, place)
    found = []
    for kind in ("Input", "Output"):
        own = [prefix + name for name in ends if prefix + name in nodes and nodes[prefix + name].type == kind]
        if not own or (depth and len(own) > 1):
            names = f": {', '.join(own)}" if own else ""
            raise ToolkitError(
                f"{place} has {len(own)} nodes of type {kind}{names}",
                at=place,
                fix=f"export it with one {kind}",
            )
        found.append(own)
    return edges, found[0], found[1]


def _type(tree: Tree) -> str:
    found = tree.get("type")
    return found if isinstance(found, str) else f"{found!r:.40}"


def _edges(given: Any, ends: dict[str, tuple[str, str]], place: str) -> list[Edge]:
    edges: dict[Edge, None] = {}
    if not isinstance(given, list | tuple | np.ndarray | None) or (
        isinstance(given, np.ndarray) and not given.ndim
    ):
        raise ToolkitError("the edges are no pairs of names", at=place, fix="write the file again")
    for pair in [] if given is None else given:
        try:
            source, target = (each.decode() if isinstance(each, bytes) else str(each) for each in pair)
        except (TypeError, ValueError):
            raise ToolkitError("an edge is no pair of names", at=place, fix="write the file again") from None
        for name in (source, target):
            if name not in ends:
                fix = "mend the model where it was exported"
                raise ToolkitError(
                    f"an edge from {source} to {target}, but no node {name}", at=place, fix=fix
                )
        edge = (ends[source][1], ends[target][0])
        if edge in edges:
            raise ToolkitError(f"two edges from {source} to {target}", at=place, fix="keep one of them")
        edges[edge] = None
    return list(edges)
