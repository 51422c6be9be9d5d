"""What a method says of itself, and how methods are found."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

Kind = Literal["learn", "lowbit", "ptq", "qat", "sparse", "lowrank", "distill", "kernels"]


@dataclass(frozen=True)
class Method:
    """One published method.

    Args:
        slug: its name on the command line; the module is called the same with underscores.
        title: what it is, in a few words.
        paper: title, authors and year or arXiv number of the source.
        kind: the folder of methods that share its protocol.
        cost: what it costs to use, in words (training time, memory, accuracy).
    """

    slug: str
    title: str
    paper: str
    kind: Kind
    cost: str


def find_methods(package: ModuleType) -> dict[str, Method]:
    """Return the ``METHOD`` of every module below ``package``, by slug.

    Raises:
        ValueError: two modules claim one slug.
    """
    found: dict[str, Method] = {}
    for module in _modules(package):
        method = getattr(module, "METHOD", None)
        if method is None:
            continue
        if method.slug in found:
            raise ValueError(f"{module.__name__} repeats the slug {method.slug!r}")
        found[method.slug] = method
    return found


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    for entry in pkgutil.walk_packages(package.__path__, prefix=f"{package.__name__}."):
        yield importlib.import_module(entry.name)
