"""What every kind of file says of itself: which runtime it is for, in which numbers it computes, who writes it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import runtimes
from toolkit.errors import ToolkitError, suggestion

if TYPE_CHECKING:
    from torch.export import ExportedProgram


@dataclass(frozen=True)
class Made:
    """A file that was written.

    Args:
        weight_bytes: what its weights take, None where the file does not say.
        not_delegated: operators that the runtime's fast backend does not compute, once each.
        ends: ``toolkit.describe`` of inputs and of outputs as the file takes and gives them; None where they are the
            program's own.
    """

    weight_bytes: int | None = None
    not_delegated: list[str] = field(default_factory=list)
    ends: tuple[list[dict[str, Any]], list[dict[str, Any]]] | None = None


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Args:
        runtime: as the target's ``[runtimes]`` and ``--format`` call it.
        backend: the entry of the target's list that asks for it.
        numbers: "int8", "float32", "int16" or "int4-dynamic": which of the model's programs it holds.
        name: of the file.
        packages: names that must be importable to write it, and to run it here.
        write: makes the file of a program and returns what is in it. Raises ``ToolkitError`` that names what cannot go.
        rounding: the convention of ``toolkit.lower.rounding`` by which the runtime's reference kernels round.
        as_given: only for models that came in these numbers: the runtime has no kernels of its own for them.
        not_run: why it cannot be run on this machine; empty where it can.
    """

    runtime: str
    backend: str
    numbers: str
    name: str
    packages: tuple[str, ...]
    write: Callable[[ExportedProgram, Path, str], Made]
    rounding: str = "single"
    not_run: str = ""
    as_given: bool = False


def kinds(runtime: str) -> list[Kind]:
    """Return the kinds of files of one runtime, by its module in this folder; none for "c"."""
    name = f"{runtimes.__name__}.{runtime.replace('-', '_')}"
    return list(importlib.import_module(name).KINDS) if runtime in names() else []


def names() -> list[str]:
    """Return the runtimes that have kinds of files."""
    found = []
    for _, name, _ in pkgutil.iter_modules(runtimes.__path__):
        if name in ("executorch", "litert", "onnx", "ethos_u"):
            found.append(name.replace("_", "-"))
    return found


def check_names(wanted: list[str]) -> None:
    """Raise ``ToolkitError`` for a ``--format`` that nothing writes."""
    for name in wanted:
        if name not in ("c", *names()):
            raise ToolkitError(f"there is no --format {name}", fix=suggestion(name, ["c", *names()]))
