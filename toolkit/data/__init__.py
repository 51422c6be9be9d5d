"""Datasets as numpy arrays: ``load("digits")``.

One module per dataset in ``toolkit/data/sets``, found by its being there. A set that is not bundled is looked
for in the cache (``TOOLKIT_DATA``, see ``toolkit.data.cache``) and downloaded from its public home when it is
missing. A module in ``toolkit/data/tasks`` asks something else of a dataset than its labels.
"""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

from toolkit.data import sets, tasks
from toolkit.data.cache import cache_dir
from toolkit.data.dataset import AudioDataset, Dataset, GraphDataset
from toolkit.errors import ToolkitError, suggestion

__all__ = ["AudioDataset", "Dataset", "GraphDataset", "cache_dir", "describe", "load", "names", "task_names"]

WINDOW = 64


def names() -> list[str]:
    """Return the names that ``load`` knows, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(sets.__path__))


def describe(name: str) -> str:
    """Return one line that says what the dataset is, without loading it."""
    source = Path(sets.__path__[0]) / f"{_known(name)}.py"
    docstring = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]


def task_names() -> list[str]:
    """Return the tasks that ``load`` knows, sorted."""
    return sorted(module.name.replace("_", "-") for module in pkgutil.iter_modules(tasks.__path__))


def load(name: str, *, limit: int | None = None, task: str = "", window: int = WINDOW) -> Dataset:
    """Load a dataset.

    Args:
        name: one of ``names()``.
        limit: at most this many training samples and at most this many test samples, the first of each split;
            every set is ordered so that such a beginning has all classes. ``None`` means all.
        task: one of ``task_names()``, or none for the set's own labels.
        window: length of the pieces into which a task cuts a text.

    Raises:
        ToolkitError: the name or the task is unknown, the limit is not positive, a file is damaged or cannot be
            downloaded.
    """
    if limit is not None and limit < 1:
        raise ToolkitError(f"limit must be at least 1, not {limit}", fix="leave it out to load everything")
    dataset: Dataset = importlib.import_module(f"toolkit.data.sets.{_known(name)}").load(limit)
    if not task:
        return dataset
    module = _listed("task", task, task_names()).replace("-", "_")
    asked: Dataset = importlib.import_module(f"toolkit.data.tasks.{module}").make(dataset, window)
    return asked


def _known(name: str) -> str:
    return _listed("dataset", name, names())


def _listed(what: str, name: str, known: list[str]) -> str:
    if name in known:
        return name
    raise ToolkitError(f"there is no {what} called {name!r}", fix=suggestion(name, known))
