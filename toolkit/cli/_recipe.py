"""Walk a project's recipe from the command line: one line per stage on stderr, and a bar on a terminal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.cli._session import Session
from toolkit.stages.stage import Listener, Progress

if TYPE_CHECKING:
    from toolkit.make import Step
    from toolkit.project import Project


class Voice(Listener):
    """Tells the person on stderr how the stages go."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def started(self, stage: str) -> None:
        """Say what is being done now, on a terminal only: the line that follows takes its place."""
        self.session.status(f"{stage:9} …")

    def finished(self, stage: str, ran: bool, seconds: float, note: str) -> None:
        """Say what came out."""
        self.session.status("")
        self.session.say(f"{stage:9} {f'{seconds:6.1f} s' if ran else 'unchanged'}  {note}")

    @contextmanager
    def progress(self, title: str) -> Iterator[Progress]:
        """Draw a bar on a terminal; elsewhere, a line every ten seconds keeps a log alive."""
        self.session.status("")
        with self.session.progress(title) as draw:
            spoken = time.monotonic()

            def show(done: int, total: int, note: str) -> None:
                nonlocal spoken
                if draw is not None:
                    draw(done, total, note)
                elif time.monotonic() - spoken > 10:
                    spoken = time.monotonic()
                    self.session.detail(f"{title:9} {done} of {total}  {note}")

            yield show


def walk(
    session: Session, folder: Path, until: str, *, dry_run: bool = False, method: str = ""
) -> tuple[Project, list[Step]]:
    """Load the project in ``folder`` and bring it up to date as far as ``until``, by ``method`` if one is given."""
    from toolkit import project
    from toolkit.make import make

    settings = project.load(folder)
    if method:
        settings = project.with_method(settings, method)
    return settings, make(settings, until=until, dry_run=dry_run, listener=Voice(session))
