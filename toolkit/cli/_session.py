"""What every command shares: how much to say, where results go, and how progress shows."""

from __future__ import annotations

import json as jsonlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = 1  # of every --json document; raised when a field changes its meaning or goes away

Progress = Callable[[int, int, str], None]  # done, total, what is known so far


@dataclass
class Session:
    """One run of the command line. Results go to stdout; everything else goes to stderr."""

    command: str = ""
    json: bool = False
    verbosity: int = 0  # -1 quiet, 0 normal, 1 detail, 2 tracebacks too
    answered: bool = False  # a JSON document has been printed

    def result(self, data: dict[str, Any]) -> None:
        """Print ``data`` as the command's one JSON document, when ``--json`` asks for it."""
        if self.json and not self.answered:
            self.answered = True
            document = {"schema": SCHEMA, "command": self.command, **data}
            sys.stdout.write(jsonlib.dumps(document, indent=2, default=str) + "\n")

    def say(self, text: str) -> None:
        """Print a line for the person to stderr, unless ``--quiet``."""
        if self.verbosity >= 0:
            print(text, file=sys.stderr, flush=True)

    def status(self, text: str) -> None:
        """Show ``text`` until the next line, on a terminal only; nothing clears it."""
        if self.verbosity >= 0 and sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def detail(self, text: str) -> None:
        """Print a line that only ``--verbose`` wants."""
        if self.verbosity >= 1:
            print(text, file=sys.stderr, flush=True)

    def next(self, command: str) -> None:
        """Name the command to run next; silent with ``--json``, where a program reads."""
        if not self.json:
            self.say(f"next: {command}")

    @property
    def console(self) -> Console:
        """A rich console on stdout, as wide as the terminal, or wide enough for any table in a pipe."""
        from rich.console import Console

        return Console(highlight=False, width=None if sys.stdout.isatty() else 120)

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress | None]:
        """Yield a callback ``(done, total, note)`` that draws a bar on stderr, or None off a terminal."""
        if self.verbosity < 0 or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        note = TextColumn("{task.fields[note]}")
        with Bars(*columns, note, console=Console(stderr=True), transient=True) as bars:
            task = bars.add_task(title, total=None, note="")

            def show(done: int, total: int, note: str) -> None:
                bars.update(task, completed=done, total=total, note=note)

            yield show
