"""In which order the nodes of a graph run, and which edges a step of delay closes a circle on."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from toolkit.errors import ToolkitError

Edge = tuple[str, str]


def delayed_edges(edges: Collection[Edge], firsts: Collection[str], keeps: Collection[str]) -> set[Edge]:
    """Return edges to read what their source gave a step before, so that no circle is left.

    An edge that leads back, found depth first from ``firsts`` by the nodes' names, is delayed where it leaves the last
    node that ``keeps`` a state.

    Raises:
        ToolkitError: no node of a circle keeps a state; all of its nodes are named.
    """
    targets, sources = _neighbours(edges), _neighbours((b, a) for a, b in edges)
    delayed: set[Edge] = set()
    for source, target in _leading_back(targets, firsts):
        within = _reached(targets, target) & _reached(sources, source)  # all that lies on such circles
        stack, seen = [(source, target)], set()
        while stack:
            edge = stack.pop()
            if edge in seen:
                continue
            seen.add(edge)
            if edge[0] in keeps:
                delayed.add(edge)
            elif edge[0] == target:  # round without meeting a state
                raise _without_delay(targets, target, keeps)
            else:
                stack += [(before, edge[0]) for before in sources.get(edge[0], []) if before in within]
    return delayed


def ordered(nodes: Iterable[str], edges: Collection[Edge]) -> list[str]:
    """Return the nodes so that each comes after all that lead to it; there are no circles."""
    waiting = dict.fromkeys(nodes, 0)
    targets = _neighbours(edges)
    for _, target in edges:
        waiting[target] += 1
    ready = sorted((name for name, count in waiting.items() if not count), reverse=True)
    order = []
    while ready:
        order.append(name := ready.pop())
        for target in targets.get(name, []):
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    return order


def _neighbours(edges: Iterable[Edge]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for source, target in edges:
        found.setdefault(source, []).append(target)
    return {name: sorted(each) for name, each in found.items()}


def _reached(neighbours: dict[str, list[str]], first: str) -> set[str]:
    found, stack = {first}, [first]
    while stack:
        new = [name for name in neighbours.get(stack.pop(), []) if name not in found]
        found.update(new)
        stack += new
    return found


def _leading_back(targets: dict[str, list[str]], firsts: Collection[str]) -> list[Edge]:
    """Return the edges to a node that the way there, depth first, has passed."""
    found: list[Edge] = []
    done: set[str] = set()
    for start in (*sorted(firsts), *sorted(targets)):
        if start in done:
            continue
        path, stack = {start}, [(start, iter(targets.get(start, [])))]
        while stack:
            name, left = stack[-1]
            target = next(left, None)
            if target is None:
                stack.pop()
                path.discard(name)
                done.add(name)
            elif target in path:
                found.append((name, target))
            elif target not in done:
                path.add(target)
                stack.append((target, iter(targets.get(target, []))))
    return found


def _without_delay(targets: dict[str, list[str]], name: str, keeps: Collection[str]) -> ToolkitError:
    """Return the error for a circle through ``name`` that passes no node with a state."""
    ways, names = {name: [name]}, [name]
    for at in names:
        for target in targets.get(at, []):
            if target == name:
                return ToolkitError(
                    f"a circle without a delay: {' -> '.join([*ways[at], name])}",
                    at=name,
                    fix="put a neuron or a Delay of at least one step into it",
                )
            if target not in keeps and target not in ways:
                ways[target] = [*ways[at], target]
                names.append(target)
    raise AssertionError("there is a circle")
