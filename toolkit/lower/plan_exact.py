"""Exact memory planning: branch and bound over the orders in which buffers are stacked.

The terms are those of `plan_conflicts`. ``below[i][j]`` is how far j must start above i when i is the lower.

**Some order is optimal.** Number the buffers so that a zero ``below[i][j]`` implies i < j (possible: `plan`
refuses cycles of zero gaps). Take any valid placement and go through the buffers by (offset, number). For a
conflicting pair, i before j, the relation that holds is ``offset[i] + below[i][j] <= offset[j]``: were it
only the other one, ``below[j][i]`` would have to be zero and the offsets equal, but then j has the smaller
number and comes first. So giving each buffer, in this order, the offset ``max(offset[i] + below[i][j])``
over the conflicting buffers before it (0 when there are none) lifts none of them and stays valid. Hence
some order yields an optimal placement.

**Which orders need a look.** Among the optimal placements take those with the smallest sum of offsets. By
the paragraph above each is what its own order by (offset, number) yields; call these orders canonical. The
search walks orders depth first and leaves a branch only when no canonical order, or not the first one in
the order of the walk, can lie in it:

- *sorted*: (offset, number) must grow along the order.
- *no hole*: a waiting buffer that would fit wholly under everything still to come would be moved down
  there, which makes the sum smaller. (``offset + size`` of the lowest such buffer cuts off the candidates;
  this is the rule of Giffler and Thompson for active schedules, 1960.)
- *twins*: buffers with equal size and equal relations to all others come in the order of their numbers.
- *dominance*: an earlier branch stacked the same set of buffers with nothing higher (offset and number of
  the last one, top, sum of offsets, earliest offsets of all that wait). Continued as this branch would be,
  it yields a placement that is no higher and has no larger sum; so that one is canonical too if this one
  is, and the walk met it first.
- *bound*: some waiting buffers that are all alive in one step cannot fit below the best height known.
"""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.lower.plan_conflicts import Conflicts, step_bound

MAX_BUFFERS = 250  # the walk is recursive, one level per buffer


@dataclass(frozen=True)
class Found:
    """What `search` found: lower offsets or None, whether it looked everywhere, and its effort."""

    offsets: tuple[int, ...] | None
    exhausted: bool
    nodes: int


def search(problem: Conflicts, *, incumbent: int, lower: int, node_limit: int) -> Found:
    """Look for a placement lower than ``incumbent``.

    Args:
        problem: the buffers.
        incumbent: the height of the best placement known.
        lower: a height that suffices; the search ends when it reaches it.
        node_limit: after this many partial orders the search gives up.

    Returns:
        The best placement met that is lower than ``incumbent``. With ``exhausted`` it (or, without one, the
        incumbent) is optimal or no higher than ``lower``.
    """
    if incumbent <= lower:
        return Found(None, True, 0)
    if len(problem.sizes) > MAX_BUFFERS:
        return Found(None, False, 0)
    walk = _Walk(problem, incumbent, lower, node_limit)
    count = len(problem.sizes)
    walk.visit((1 << count) - 1, [0] * count, [0] * count, (0, -1), 0, 0)
    return Found(walk.offsets, walk.best <= lower or walk.nodes_left > 0, node_limit - walk.nodes_left)


class _Alive:
    """The buffers alive in one step, and how high those of them that wait stack up, remembered."""

    def __init__(self, problem: Conflicts, step: tuple[int, ...]) -> None:
        self.bounds = step_bound(problem, step)
        self.members = sum(1 << i for i in step)  # a bit set
        self.heights: dict[int, int] = {}

    def height(self, left: int) -> int:
        """Return the least height of a stack of the buffers ``left``."""
        known = self.heights.get(left)
        if known is None:
            waiting = [(size, least) for i, size, least in self.bounds if left >> i & 1]
            known = sum(least for _, least in waiting) + min(size - least for size, least in waiting)
            self.heights[left] = known
        return known


class _Walk:
    """One depth-first walk over the orders; ``best`` falls as it goes."""

    def __init__(self, problem: Conflicts, incumbent: int, lower: int, node_limit: int) -> None:
        self.sizes = problem.sizes
        self.below = problem.below
        self.steps = [_Alive(problem, step) for step in problem.steps]
        self.twin = _twins(problem)
        self.best = incumbent
        self.lower = lower
        self.nodes_left = node_limit
        self.offsets: tuple[int, ...] | None = None
        self.seen: dict[int, list[tuple[int, ...]]] = {}

    def visit(
        self,
        waiting: int,  # bit set of the buffers not yet placed
        earliest: list[int],  # lowest offset that the placed ones leave to each waiting one
        offsets: list[int],  # of the placed ones
        last: tuple[int, int],  # offset and number of the buffer placed last
        top: int,
        total: int,  # sum of the offsets of the placed ones
    ) -> None:
        if not waiting:
            if top < self.best:
                self.best, self.offsets = top, tuple(offsets)
            return
        self.nodes_left -= 1
        remaining = [i for i in range(len(self.sizes)) if waiting >> i & 1]
        if self._cannot_improve(waiting, earliest, last[0]):
            return
        if self._dominated(waiting, (*last, top, total, *(earliest[i] for i in remaining))):
            return
        ceiling = min(earliest[i] + self.sizes[i] for i in remaining)
        candidates = [
            i
            for i in remaining
            if earliest[i] < ceiling
            and (earliest[i], i) > last
            and not (self.twin[i] >= 0 and waiting >> self.twin[i] & 1)
        ]
        candidates.sort(key=lambda i: (earliest[i], -self.sizes[i] * len(self.below[i]), i))
        for i in candidates:
            if self.nodes_left <= 0 or self.best <= self.lower:
                return
            offset = earliest[i]
            end = max(top, offset + self.sizes[i])
            if end >= self.best:
                continue
            pushed = earliest.copy()
            for j, distance in self.below[i].items():
                if pushed[j] < offset + distance:
                    pushed[j] = offset + distance
            offsets[i] = offset
            self.visit(waiting & ~(1 << i), pushed, offsets, (offset, i), end, total + offset)

    def _cannot_improve(self, waiting: int, earliest: list[int], floor: int) -> bool:
        """True when the waiting buffers of one step need at least the best height known."""
        for step in self.steps:
            left = waiting & step.members
            if not left:
                continue
            room = self.best - step.height(
                left
            )  # the waiting ones are no lower than the floor, or than all may be
            if floor >= room:
                return True
            lowest = (left & -left).bit_length() - 1  # any of them tells of most steps that there is room
            if earliest[lowest] >= room and all(
                earliest[i] >= room for i, _, _ in step.bounds if left >> i & 1
            ):
                return True
        return False

    def _dominated(self, waiting: int, state: tuple[int, ...]) -> bool:
        """True when an earlier branch stacked the same buffers with nothing higher; else note this one."""
        states = self.seen.setdefault(waiting, [])
        for other in states:
            # the first two entries, offset and number of the last buffer, compare as one key
            if other[:2] <= state[:2] and all(a <= b for a, b in zip(other[2:], state[2:], strict=True)):
                return True
        states.append(state)
        return False


def _twins(problem: Conflicts) -> list[int]:
    """Return for each buffer the next smaller number that could be exchanged with it, or -1."""
    twin = []
    for i, size in enumerate(problem.sizes):
        twin.append(-1)
        for j in range(i - 1, -1, -1):
            if problem.sizes[j] == size and _exchangeable(problem, i, j):
                twin[i] = j
                break
    return twin


def _exchangeable(problem: Conflicts, i: int, j: int) -> bool:
    below = problem.below
    if j not in below[i] or below[i][j] != below[j][i]:
        return False
    if (below[i].keys() - {j}) != (below[j].keys() - {i}):
        return False
    return all(below[i][k] == below[j][k] and below[k][i] == below[k][j] for k in below[i] if k != j)
