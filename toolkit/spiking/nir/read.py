"""NIR to modules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import ToolkitError, suggestion
from toolkit.spiking.graph import Graph
from toolkit.spiking.nir import hdf5
from toolkit.spiking.nir.kinds import KINDS
from toolkit.spiking.nir.node import Flat, Node, Shape, at, flatten
from toolkit.spiking.nir.settings import Settings, missing, own_settings

NO_SETTINGS = Settings()


@dataclass(frozen=True)
class Checked:
    """A graph whose nodes, edges and shapes fit; what nodes need may still be missing."""

    flat: Flat
    own: dict[str, dict[str, Any]]  # each node's settings, as far as somebody gives them
    shapes: dict[str, tuple[Shape, Shape]]  # what each node takes and gives in a step


def load(path: Path | str, settings: Settings = NO_SETTINGS) -> Graph:
    """Return the network of a NIR file.

    Args:
        path: the file; untrusted, nothing in it runs.
        settings: how time is cut up and what a spike resets, for nodes that do not say so in our metadata.

    Raises:
        ToolkitError: the file cannot be read, a node is unknown or makes no sense, shapes do not fit, a circle has no
            delay, or nobody says what a node needs. The node is named.
    """
    with in_file(Path(path)):
        return from_tree(hdf5.read(Path(path)), settings)


@contextmanager
def in_file(path: Path) -> Iterator[None]:
    """Put the file in front of where an error says it happened."""
    try:
        yield
    except ToolkitError as error:
        if error.at != str(path):
            error.at = f"{path}: {error.at}" if error.at else str(path)
        raise


def from_graph(graph: Any, settings: Settings = NO_SETTINGS) -> Graph:
    """Return the network of a ``nir.NIRGraph``; see ``load``."""
    return from_tree(graph.to_dict(), settings)


def from_tree(tree: hdf5.Tree, settings: Settings = NO_SETTINGS) -> Graph:
    """Return the network of what ``nir.NIRGraph.to_dict`` gives; see ``load``."""
    found = checked(tree, settings)
    if error := missing(lacking(found)):
        raise error
    modules = {}
    for name, node in found.flat.nodes.items():
        with at(name):
            modules[name] = KINDS[node.type].build(node, found.shapes[name][0], found.own[name])
    given = {name: shape for name, (_, shape) in found.shapes.items()}
    return Graph(modules, found.flat.edges, given, found.flat.inputs, found.flat.outputs)


def checked(tree: hdf5.Tree, settings: Settings = NO_SETTINGS) -> Checked:
    """Return the nodes of what ``nir.NIRGraph.to_dict`` gives, with their settings and shapes; see ``load``."""
    flat = flatten(tree)
    own = {}
    for name, node in flat.nodes.items():
        if node.type not in KINDS:
            raise node.error("is of an unknown type", suggestion(node.type, list(KINDS)))
        with at(name):
            own[name] = own_settings(node, settings, KINDS[node.type].needs)
    _check_one_step(flat, own)
    _check_ends(flat)
    return Checked(flat, own, _shapes(flat))


def lacking(found: Checked) -> dict[str, list[str]]:
    """Return the settings that nobody gives, each with the nodes that need it."""
    lacks: dict[str, list[str]] = {}
    for name, node in found.flat.nodes.items():
        for setting in KINDS[node.type].required:
            if setting not in found.own[name]:
                lacks.setdefault(setting, []).append(name)
    return lacks


def _check_one_step(flat: Flat, own: dict[str, dict[str, Any]]) -> None:
    steps = {each["dt"]: flat.nodes[name] for name, each in own.items() if "dt" in each}
    if len(steps) > 1:
        (one, first), (two, second), *_ = steps.items()
        raise second.error(
            f"has steps of {two} s, but {first.name} has {one} s", "give all nodes the same dt"
        )


def _check_ends(flat: Flat) -> None:
    targets = {target for _, target in flat.edges}
    for name, node in flat.nodes.items():
        if name not in targets and name not in flat.inputs:
            raise node.error("gets nothing: no edge leads to it")
        if name in targets and name in flat.inputs:
            raise node.error("gets what another node gives")
    for source, target in flat.edges:
        if source in flat.outputs:
            raise flat.nodes[source].error(f"leads on to {target}")


def _shapes(flat: Flat) -> dict[str, tuple[Shape, Shape]]:
    """Return what each node takes and gives in a step; all edges fit."""
    found: dict[str, tuple[Shape, Shape]] = {}
    sources: dict[str, list[str]] = {name: [] for name in flat.nodes}
    for source, target in flat.edges:
        sources[target].append(source)
    waiting, declared = list(flat.nodes), {}
    for name, node in flat.nodes.items():
        with at(name):
            declared[name] = KINDS[node.type].takes(node)
    while waiting:
        left = []
        for name in waiting:
            taken = next((found[source][1] for source in sources[name] if source in found), declared[name])
            if taken is None:
                left.append(name)
                continue
            found[name] = (taken, _gives(flat.nodes[name], taken))
        if len(left) == len(waiting):
            raise flat.nodes[left[0]].error("takes a shape that nothing says")
        waiting = left
    for name, node in flat.nodes.items():
        taken, wanted = found[name][0], declared[name]
        for source in sources[name]:
            if found[source][1] != (wanted or taken):
                shown = f"{list(wanted or taken)}, but {source} gives {list(found[source][1])}"
                raise node.error(f"takes the shape {shown}")
    return found


def _gives(node: Node, taken: Shape) -> Shape:
    with at(node.name):
        given = KINDS[node.type].gives(node, taken)
        node.check_size(taken)
        node.check_size(given)
        return given
