"""A dataset as a row of tasks, some classes each, for learners that shall not forget."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from toolkit.data.dataset import Dataset
from toolkit.errors import ToolkitError


@dataclass(frozen=True, eq=False)
class Task:
    """Some classes of a dataset.

    Args:
        dataset: their samples, labelled from 0.
        outputs: which of the network's outputs stand for them.
    """

    dataset: Dataset
    outputs: list[int]


def by_classes(dataset: Dataset, count: int, *, shared: bool = False) -> list[Task]:
    """Return ``count`` tasks of equally many classes, in the order of the labels.

    Args:
        dataset: with one label for each sample.
        count: how many tasks.
        shared: all tasks use the first outputs (domain-incremental); else each has outputs of its own
            (task-incremental).

    Raises:
        ToolkitError: the classes cannot be shared out equally, or a task would have one class only.
    """
    each, over = divmod(len(dataset.classes), count)
    if dataset.y_train.ndim != 1 or over or each < 2:
        raise ToolkitError(
            f"the {len(dataset.classes)} classes of {dataset.name} do not make {count} tasks",
            fix="give a number of tasks that divides the classes and leaves each at least two",
        )
    return [_task(dataset, at * each, each, 0 if shared else at * each) for at in range(count)]


def _task(dataset: Dataset, first: int, count: int, output: int) -> Task:
    train, test = (_within(y, first, count) for y in (dataset.y_train, dataset.y_test))
    part = replace(
        dataset,
        x_train=dataset.x_train[train],
        y_train=dataset.y_train[train] - first,
        x_test=dataset.x_test[test],
        y_test=dataset.y_test[test] - first,
        classes=dataset.classes[first : first + count],
    )
    return Task(part, list(range(output, output + count)))


def _within(labels: np.ndarray, first: int, count: int) -> np.ndarray:
    return (labels >= first) & (labels < first + count)
