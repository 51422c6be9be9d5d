"""Bench all cells of a matrix: what a results file has already is kept, the rest is done and added to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolkit.errors import ToolkitError
from toolkit.measure.matrix import pool
from toolkit.measure.matrix.cell import Cell
from toolkit.measure.matrix.pool import Answer
from toolkit.measure.matrix.store import Store

DEFAULT_TIMEOUT_S = 600.0
Progress = Callable[[int, int, str], None]


def bench_all(
    cells: Sequence[Cell],
    store: Store,
    *,
    title: str = "",
    jobs: int = 1,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    fresh: bool = False,
    progress: Progress | None = None,
) -> tuple[int, list[Answer]]:
    """Bench ``cells`` and return the run's number and what became of each, in their order.

    A cell that fails is in its answer, and the others go on. Each is in ``store`` as soon as it is done, so that an
    interrupted run, done again, only does the rest. Cells that measure time run alone, after all others.

    Args:
        cells: what to do; no two are the same.
        store: takes the results, and gives those of cells that depend on nothing that has changed.
        title: what the run is of.
        jobs: how many at a time.
        timeout_s: limit for each cell.
        fresh: keep nothing.
        progress: called with cells done, all cells, and the last one.
    """
    run = store.begin(title)
    keys: dict[Cell, str] = {}
    found: dict[Cell, Answer] = {}

    def note(answer: Answer, kept_from: int | None = None) -> None:
        store.add(run, keys.get(answer.cell, ""), answer, kept_from)
        found[answer.cell] = answer
        if progress is not None:
            progress(len(found), len(cells), f"{answer.cell.model} on {answer.cell.target}")

    for cell in cells:
        try:
            keys[cell] = cell.key()
        except ToolkitError as error:
            note(Answer(cell, 0.0, error={"what": error.what, "at": error.at, "fix": error.fix}))
            continue
        earlier = None if fresh else store.finished(keys[cell], cell)
        if earlier is not None:
            note(earlier[1], earlier[0])
    left = [cell for cell in cells if cell not in found]
    for group, count in (([c for c in left if not c.timed], jobs), ([c for c in left if c.timed], 1)):
        for answer in pool.perform(group, jobs=count, timeout_s=timeout_s):
            note(answer)
    store.end(run)
    return run, [found[cell] for cell in cells]
