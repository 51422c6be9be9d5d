"""What a stage says of itself, and what it may use while it runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit import atomic
from toolkit.errors import ToolkitError
from toolkit.project import Project

Progress = Callable[[int, int, str], None]  # done, total, what is known so far


class Listener:
    """Hears how the stages go. This one ignores it all."""

    def started(self, stage: str) -> None:
        """``stage`` begins to run."""

    def finished(self, stage: str, ran: bool, seconds: float, note: str) -> None:
        """``stage`` is up to date: it has run, or nothing that it depends on has changed."""

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """Yield what a long piece of work calls as it goes on."""
        yield lambda done, total, note: None


@dataclass(frozen=True)
class Work:
    """One stage's run: the project, its folder of outputs, and whom to tell."""

    project: Project
    key: str
    listener: Listener = field(default_factory=Listener)

    def path(self, name: str) -> Path:
        """Return the place of the output ``name`` in the build folder."""
        return self.project.build / name

    @property
    def bundle(self) -> Path:
        """The bundle's folder."""
        return self.path("bundle")

    def checkpoint(self, stage: str) -> Path:
        """Return the file for checkpoints of exactly this run, so that other settings start anew."""
        return self.path("checkpoints") / f"{stage}-{self.key[:16]}.pt"

    def write(self, name: str, document: dict[str, Any]) -> Path:
        """Write the JSON document ``name`` and return its path."""
        atomic.write_text(self.path(name), json.dumps(document, indent=1) + "\n")
        return self.path(name)

    def read(self, name: str) -> dict[str, Any]:
        """Return the JSON document ``name`` that an earlier stage wrote."""
        return read(self.path(name))


def read(file: Path) -> dict[str, Any]:
    """Return a JSON document of a stage. Raises ``ToolkitError`` when it is missing or damaged."""
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            return document
        why = "not an object"
    except (OSError, ValueError, RecursionError) as error:
        why = str(error)
    raise ToolkitError(
        f"cannot read {file.name}: {why}", at=str(file), fix="delete it and run `toolkit make` again"
    )


@dataclass(frozen=True)
class Stage:
    """One step of the recipe.

    Args:
        name: what the person calls it.
        needs: the stages whose outputs it reads.
        sources: parts of this package whose code decides its outputs; ``quantize``, ``runtime`` too.
        packages: distributions whose version decides them.
        settings: what of ``toolkit.toml`` decides them, as JSON-ready data.
        run: does it and returns the outputs.
        note: one short phrase about the outputs, for the person.
    """

    name: str
    needs: tuple[str, ...]
    sources: tuple[str, ...]
    packages: tuple[str, ...]
    settings: Callable[[Project], Any]
    run: Callable[[Work], list[Path]]
    note: Callable[[Work], str]
