"""What a memory planner must respect, in units of the alignment: sizes and pairwise distances.

Two buffers alive together conflict. ``below[i][j]`` is then how far j must start above i when i is the lower
one: the size of i, or the smaller gap of an overlap; ``below[j][i]`` is the same with j as the lower one. A
placement is valid when every conflicting pair has ``offset[i] + below[i][j] <= offset[j]`` or the same with i
and j exchanged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Conflicts:
    """A planning problem in alignment units.

    Attributes:
        sizes: size of each buffer; the numbering puts i before j where ``below[i][j]`` is zero.
        below: for each buffer i, the buffers j alive together with it and their least distance above i.
        steps: the sets of buffers alive together, as tuples of numbers, none a subset of another.
    """

    sizes: tuple[int, ...]
    below: tuple[dict[int, int], ...]
    steps: tuple[tuple[int, ...], ...]

    def subset(self, keep: Sequence[int]) -> Conflicts:
        """Return the problem of only the buffers ``keep`` (growing numbers), renumbered from zero."""
        number = {old: new for new, old in enumerate(keep)}
        below = tuple({number[j]: d for j, d in self.below[i].items() if j in number} for i in keep)
        steps = [tuple(number[i] for i in step if i in number) for step in self.steps]
        return Conflicts(tuple(self.sizes[i] for i in keep), below, maximal(steps))

    def height(self, offsets: Sequence[int]) -> int:
        """Return the end of the highest buffer."""
        return max((o + size for o, size in zip(offsets, self.sizes, strict=True)), default=0)


def maximal(steps: Sequence[tuple[int, ...]]) -> tuple[tuple[int, ...], ...]:
    """Return the sets that are no subset of another one, each once, in their order."""
    unique = list(dict.fromkeys(tuple(sorted(step)) for step in steps if step))
    sets = [set(step) for step in unique]
    return tuple(
        step for step, own in zip(unique, sets, strict=True) if not any(own < other for other in sets)
    )


def components(problem: Conflicts) -> Iterator[tuple[list[int], Conflicts]]:
    """Yield the parts between which nothing conflicts: the buffers' numbers and their own problem."""
    unseen = set(range(len(problem.sizes)))
    while unseen:
        part: set[int] = set()
        border = {min(unseen)}
        while border:
            part |= border
            border = {j for i in border for j in problem.below[i]} - part
        unseen -= part
        numbers = sorted(part)
        yield numbers, problem.subset(numbers)


def step_bound(problem: Conflicts, step: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Return (number, size, least distance to any next one) of each buffer of the step.

    Stacked in any order, each takes at least its least distance, and the highest one takes its size.
    """
    return [
        (i, problem.sizes[i], min((problem.below[i][j] for j in step if j != i), default=problem.sizes[i]))
        for i in step
    ]


def step_height(problem: Conflicts, step: tuple[int, ...]) -> int:
    """Return a quick lower bound for the buffers of one step."""
    bounds = step_bound(problem, step)
    return sum(least for _, _, least in bounds) + min((size - least for _, size, least in bounds), default=0)


def allowed(problem: Conflicts, offsets: Mapping[int, int], i: int) -> list[tuple[int, int]]:
    """Return the offset ranges (first, last) that placed buffers leave to ``i``; the last one is endless."""
    below = problem.below
    # a placed neighbour forbids what lies strictly between the nearest place under it and the one above it
    forbidden = sorted((offsets[j] - below[i][j], offsets[j] + below[j][i]) for j in below[i] if j in offsets)
    ranges = []
    start = 0
    for begin, end in forbidden:
        if begin >= start:
            ranges.append((start, begin))
        start = max(start, end)
    return [*ranges, (start, -1)]


def set_aside(problem: Conflicts, height: int) -> tuple[list[int], list[int]]:
    """Split the buffers into those that need thought and those that fit below ``height`` wherever these go.

    A buffer has ``height - size + 1`` offsets to choose from, and each neighbour forbids fewer than the two
    distances to it. The second list is in the order of removal; place them in the reverse order.
    """
    below = problem.below
    kept = list(range(len(problem.sizes)))
    easy: list[int] = []
    while True:
        left = set(kept)
        for i in kept:
            choices = height - problem.sizes[i] + 1
            if sum(below[i][j] + below[j][i] - 1 for j in below[i] if j in left) < choices:
                easy.append(i)
                kept.remove(i)
                break
        else:
            return kept, easy
