"""How a reshape joins and splits axes, and where that leaves a permute that stood in front of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sunk:
    """``reshape(permute(x))`` as ``permute(reshape(permute(x, before)), dims)``.

    ``before`` is None where the source need not be permuted; ``shape`` is the inner reshape's.
    """

    before: tuple[int, ...] | None
    shape: tuple[int, ...]
    dims: tuple[int, ...]


def groups(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """Return the smallest runs of axes of both shapes with the same product, in order; axes of size 1 left out."""
    found: list[tuple[list[int], list[int]]] = []
    old = [axis for axis, size in enumerate(before) if size != 1]
    new = [axis for axis, size in enumerate(after) if size != 1]
    while old or new:
        run_old, run_new = [old.pop(0)], [new.pop(0)]
        size_old, size_new = before[run_old[0]], after[run_new[0]]
        while size_old != size_new:
            if size_old < size_new:
                run_old.append(old.pop(0))
                size_old *= before[run_old[-1]]
            else:
                run_new.append(new.pop(0))
                size_new *= after[run_new[-1]]
        found.append((run_old, run_new))
    return found


def sink(source: tuple[int, ...], dims: tuple[int, ...], after: tuple[int, ...]) -> Sunk:
    """Return how a permute by ``dims`` of shape ``source`` moves behind a reshape to ``after``.

    Axes that the reshape joins must lie together in their order; where they do not, a permute of the source brings
    them there, each group where its first axis was.
    """
    permuted = tuple(source[d] for d in dims)
    parts = [([dims[axis] for axis in old], new) for old, new in groups(permuted, after)]
    parts.sort(key=lambda part: min(part[0]))
    joined = [axis for old, _ in parts for axis in old]
    ones = [axis for axis, size in enumerate(source) if size == 1]
    before = None if joined == sorted(joined) else (*ones, *joined)
    order = [axis for axis, size in enumerate(after) if size == 1]
    order += [axis for _, new in parts for axis in new]  # axis i of the reshape is output axis order[i]
    shape = tuple(after[axis] for axis in order)
    return Sunk(before, shape, tuple(sorted(range(len(order)), key=order.__getitem__)))
