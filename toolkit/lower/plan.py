"""Memory plan: where each buffer lies in the arena, so that the arena is small.

Buffers whose lifetimes meet must not share bytes, except where an `Overlap` says how far one may reach into
the other: an operator that reads its input ahead of where it writes its output may write into the input's
place ("diagonal memory optimisation", Blacker et al., 2020). Greedy placement comes first. When a lower bound
does not already prove it optimal, buffers that fit anywhere are set aside and the search of `plan_exact` does
the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from toolkit.lower.plan_conflicts import Conflicts, allowed, components, maximal, set_aside, step_height
from toolkit.lower.plan_exact import search

NODE_LIMIT = 10_000  # partial orders; about a second for 60 buffers
_STEP_NODE_LIMIT = 500  # the same for the exact height of one step


@dataclass(frozen=True)
class Buffer:
    """Bytes that must stay intact from step ``first`` to step ``last``, both included."""

    name: str
    bytes: int
    first: int
    last: int
    kind: str = "activation"


@dataclass(frozen=True)
class Overlap:
    """Leave for ``below`` to reach into ``above`` as long as it starts at least ``gap`` bytes under it.

    The usual case: ``below`` is a step's output and ``above`` the input it reads; gap 0 means fully in place.
    """

    below: str
    above: str
    gap: int = 0


@dataclass(frozen=True)
class Plan:
    """Offsets in bytes from the arena's start, and how good they are.

    Attributes:
        offsets: offset of each buffer, a multiple of the alignment.
        arena_bytes: size of the arena, a multiple of the alignment.
        lower_bound_bytes: no plan needs fewer.
        optimal: True when ``arena_bytes`` is proven to be the least possible.
        greedy_bytes: what the best greedy order alone reached.
    """

    offsets: dict[str, int]
    arena_bytes: int
    lower_bound_bytes: int
    optimal: bool
    greedy_bytes: int


def plan(
    buffers: Sequence[Buffer],
    overlaps: Sequence[Overlap] = (),
    *,
    alignment: int = 4,
    node_limit: int = NODE_LIMIT,
) -> Plan:
    """Place ``buffers`` in an arena; the same arguments always give the same plan.

    Args:
        buffers: names are unique, sizes positive.
        overlaps: pairs that are never alive together are ignored.
        alignment: every offset is a multiple of it (bytes).
        node_limit: effort of the exact search, in partial orders; 0 leaves it out.

    Raises:
        ValueError: for a malformed buffer or overlap, or overlaps of gap 0 that form a cycle.
    """
    ordered = _numbered(buffers, overlaps)
    problem = _conflicts(ordered, overlaps, alignment)
    offsets = _greedy(problem)
    arena = greedy = problem.height(offsets)
    lower = _lower_bound(problem)
    if arena > lower and node_limit > 0:
        offsets, lower = _improve(problem, offsets, lower, node_limit)
        arena = problem.height(offsets)
    result = Plan(
        offsets={buffer.name: o * alignment for buffer, o in zip(ordered, offsets, strict=True)},
        arena_bytes=arena * alignment,
        lower_bound_bytes=lower * alignment,
        optimal=arena == lower,
        greedy_bytes=greedy * alignment,
    )
    check(result, buffers, overlaps)
    return result


def check(plan: Plan, buffers: Sequence[Buffer], overlaps: Sequence[Overlap]) -> None:
    """Raise ValueError when a buffer has no place, leaves the arena or meets another one that it must not."""
    gaps = _gaps(overlaps)
    for buffer in buffers:
        if buffer.name not in plan.offsets:
            raise ValueError(f"buffer {buffer.name} has no offset")
        offset = plan.offsets[buffer.name]
        if offset < 0 or offset + buffer.bytes > plan.arena_bytes:
            raise ValueError(f"buffer {buffer.name} at {offset} leaves the arena of {plan.arena_bytes} bytes")
    for index, one in enumerate(buffers):
        for other in buffers[:index]:
            if not _alive_together(one, other):
                continue
            a, b = plan.offsets[one.name], plan.offsets[other.name]
            apart = a + one.bytes <= b or b + other.bytes <= a
            gap_one, gap_other = gaps.get((one.name, other.name)), gaps.get((other.name, one.name))
            allowed = (gap_one is not None and a + gap_one <= b) or (
                gap_other is not None and b + gap_other <= a
            )
            if not (apart or allowed):
                raise ValueError(
                    f"buffers {other.name} at {b} and {one.name} at {a} overlap while both are alive"
                )


def _alive_together(one: Buffer, other: Buffer) -> bool:
    return one.first <= other.last and other.first <= one.last


def _gaps(overlaps: Sequence[Overlap]) -> dict[tuple[str, str], int]:
    """Return the gap per (below, above); the widest where several are given."""
    gaps: dict[tuple[str, str], int] = {}
    for overlap in overlaps:
        key = (overlap.below, overlap.above)
        gaps[key] = max(overlap.gap, gaps.get(key, 0))
    return gaps


def _numbered(buffers: Sequence[Buffer], overlaps: Sequence[Overlap]) -> list[Buffer]:
    """Return the buffers in an order in which gap-0 overlaps put the lower one first (see `plan_exact`)."""
    by_name = {buffer.name: buffer for buffer in buffers}
    if len(by_name) != len(buffers):
        raise ValueError("two buffers have the same name")
    for buffer in buffers:
        if buffer.bytes <= 0 or buffer.first > buffer.last:
            raise ValueError(f"malformed {buffer}")
    lower_ones: dict[str, list[str]] = {buffer.name: [] for buffer in buffers}
    for overlap in overlaps:
        if overlap.below not in by_name or overlap.above not in by_name or overlap.below == overlap.above:
            raise ValueError(f"{overlap} does not name two buffers")
        if overlap.gap < 0:
            raise ValueError(f"{overlap} has a negative gap")
        if overlap.gap == 0 and _alive_together(by_name[overlap.below], by_name[overlap.above]):
            lower_ones[overlap.above].append(overlap.below)
    try:
        return [by_name[name] for name in TopologicalSorter(lower_ones).static_order()]
    except CycleError as error:
        raise ValueError(f"overlaps of gap 0 form a cycle: {' -> '.join(error.args[1])}") from error


def _conflicts(buffers: Sequence[Buffer], overlaps: Sequence[Overlap], alignment: int) -> Conflicts:
    """Return the problem in units of the alignment; sizes and gaps round up, as offsets are multiples."""
    gaps = _gaps(overlaps)
    sizes = tuple(-(-buffer.bytes // alignment) for buffer in buffers)
    below: list[dict[int, int]] = [{} for _ in buffers]
    for i, one in enumerate(buffers):
        for j, other in enumerate(buffers):
            if i != j and _alive_together(one, other):
                gap = gaps.get((one.name, other.name))
                below[i][j] = sizes[i] if gap is None else min(sizes[i], -(-gap // alignment))
    # every largest set of buffers alive together is met where one of them begins
    steps = maximal(
        [
            tuple(i for i, buffer in enumerate(buffers) if buffer.first <= start <= buffer.last)
            for start in sorted({buffer.first for buffer in buffers})
        ]
    )
    return Conflicts(sizes, tuple(below), steps)


def _improve(problem: Conflicts, offsets: list[int], lower: int, node_limit: int) -> tuple[list[int], int]:
    """Return the placement, or a lower one, and the lower bound, raised where the search proves more."""
    kept, easy = set_aside(problem, lower)
    better: dict[int, int] = {}
    for numbers, part in components(problem.subset(kept)):
        placed = _greedy(part)
        found = search(part, incumbent=part.height(placed), lower=lower, node_limit=node_limit)
        node_limit -= found.nodes
        if found.offsets is not None:
            placed = list(found.offsets)
        if found.exhausted:
            lower = max(lower, part.height(placed))
        better.update((kept[number], offset) for number, offset in zip(numbers, placed, strict=True))
    for i in reversed(easy):
        better[i] = allowed(problem, better, i)[0][0]
    placement = [better[i] for i in range(len(offsets))]
    return min(offsets, placement, key=problem.height), lower


def _lower_bound(problem: Conflicts) -> int:
    """Return the largest height that the buffers of one step need on their own, exact for small steps."""
    bound = 0
    for step in sorted(problem.steps, key=lambda step: -step_height(problem, step)):
        quick = step_height(problem, step)
        bound = max(bound, quick)
        alone = problem.subset(step)
        if sum(alone.sizes) <= bound:  # includes every step without overlaps
            continue
        height = alone.height(_greedy(alone))
        found = search(alone, incumbent=height, lower=bound, node_limit=_STEP_NODE_LIMIT)
        if found.exhausted:
            bound = max(bound, height if found.offsets is None else alone.height(found.offsets))
    return bound


def _greedy(problem: Conflicts) -> list[int]:
    """Return the lowest of several greedy placements: a few orders, each with lowest or tightest holes."""
    sizes, below = problem.sizes, problem.below
    numbers = range(len(sizes))
    breadth = [0] * len(sizes)  # bytes of the fullest step in which the buffer is alive
    lifetime = [0] * len(sizes)
    for step in problem.steps:
        total = sum(sizes[i] for i in step)
        for i in step:
            breadth[i] = max(breadth[i], total)
            lifetime[i] += 1
    orders = (
        sorted(numbers, key=lambda i: (-sizes[i], i)),
        sorted(numbers, key=lambda i: (-sizes[i] * lifetime[i], i)),
        sorted(numbers, key=lambda i: (-lifetime[i], -sizes[i], i)),
        sorted(numbers, key=lambda i: (-breadth[i], -sizes[i], i)),
        sorted(numbers, key=lambda i: (-sizes[i] * len(below[i]), i)),
        [i for step in problem.steps for i in sorted(step, key=lambda i: (-sizes[i], i))],
        # backwards, so that a chain of outputs that each begin a little below their input stacks up from the last
        [i for step in reversed(problem.steps) for i in sorted(step, key=lambda i: (-sizes[i], -i))],
    )
    placements = [_place(problem, order, tight) for order in orders for tight in (False, True)]
    return min(placements, key=problem.height)


def _place(problem: Conflicts, order: Sequence[int], tight: bool) -> list[int]:
    """Place the buffers in ``order`` (skip repeats), each in its lowest or, if ``tight``, narrowest hole."""
    offsets: dict[int, int] = {}
    for i in order:
        if i in offsets:
            continue
        ranges = allowed(problem, offsets, i)
        bounded = ranges[:-1] if tight else []
        offsets[i] = min((end - start, start) for start, end in bounded)[1] if bounded else ranges[0][0]
    return [offsets[i] for i in range(len(problem.sizes))]
