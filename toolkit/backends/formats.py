"""What a file format of another framework says of itself, and how it is found: by its module in this folder."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolkit import backends
from toolkit.errors import MISSING, ToolkitError, suggestion
from toolkit.verify.child import importable

if TYPE_CHECKING:
    from torch.export import ExportedProgram

Sample = list[np.ndarray]  # one array per input or output, in the program's shapes, first axis 1


@dataclass(frozen=True)
class StoredWeight:
    """One weight tensor as a file keeps it; biases and scales are none.

    Args:
        layer: its path in the model (``features.0``).
        type: what the file stores: "int2", "int4", "int8", "float32", …
        bytes: what it takes in the file.
    """

    layer: str
    type: str
    bytes: int


@dataclass(frozen=True)
class Format:
    """A file format, and the runtime that defines what its files compute.

    Args:
        name: as ``--format`` and the extra of ``edge-toolkit`` are called; the module's name too.
        suffix: of its files, with the dot.
        runtime: what runs them, for the person: "ONNX Runtime".
        packages: names that must be importable to write and run them.
        write: makes the file of a program, for one sample, float32 or q/dq with the range as the storage type, and
            returns its weights, shared ones once. Raises ``ToolkitError`` that names every layer that cannot go.
        run: what the file computes in its own runtime for samples one after the other: float32 inputs where the
            program has float32, integers where it has those; outputs as real numbers, or as the integers that the
            toolkit's reference has.
        rounding: the convention of ``toolkit.lower.rounding`` by which the runtime's kernels round.
        write_step: makes the file of a training step whose states are inputs and outputs; None where files only answer.
        keeps_states: files hold what a model keeps from run to run, and ``run`` lets samples follow each other.
    """

    name: str
    suffix: str
    runtime: str
    packages: tuple[str, ...]
    write: Callable[[ExportedProgram, Path], list[StoredWeight]]
    run: Callable[[Path, list[Sample]], list[Sample]]
    rounding: str = "single"
    write_step: Callable[[ExportedProgram, Path], None] | None = None
    keeps_states: bool = False


def names() -> list[str]:
    """Return the names of all formats."""
    return sorted(name for _, name, _ in pkgutil.iter_modules(backends.__path__) if _find(name) is not None)


def load(name: str) -> Format:
    """Return the format called ``name``. Raises ``ToolkitError`` for an unknown one and for missing packages."""
    found = _find(name)
    if found is None:
        raise ToolkitError(f"there is no --format {name}", fix=suggestion(name, ["c", *names()]))
    missing = [package for package in found.packages if not importable(package)]
    if missing:
        raise ToolkitError(
            f"{', '.join(missing)} must be installed to write {found.suffix} files",
            fix=f'pip install "edge-toolkit[{found.name}]"',
            exit_code=MISSING,
        )
    return found


def _find(name: str) -> Format | None:
    where = f"{backends.__name__}.{name}"
    if not name.isidentifier() or importlib.util.find_spec(where) is None:
        return None
    return getattr(importlib.import_module(where), "FORMAT", None)
