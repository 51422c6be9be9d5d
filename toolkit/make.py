"""``toolkit make``: walk the whole recipe, doing only the stages whose inputs changed.

A stage's inputs are its settings, the outputs of the stages it needs, and the code and packages that make
it. Their hash is its key; ``build/stages.json`` keeps each stage's key and the hashes of its outputs. It is
written after every stage, so a killed run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit import atomic, own_code
from toolkit.device.versions import package_version
from toolkit.errors import ToolkitError
from toolkit.project import Project
from toolkit.stages import bench, build, export, quantize, report, test, train, verify
from toolkit.stages.stage import Listener, Stage, Work

SCHEMA = 1
STAGES: tuple[Stage, ...] = (
    train.STAGE,
    quantize.STAGE,
    export.STAGE,
    build.STAGE,
    verify.STAGE,
    test.STAGE,
    bench.STAGE,
    report.STAGE,
)
NAMES = tuple(stage.name for stage in STAGES)
_STATE = "stages.json"


@dataclass(frozen=True)
class Step:
    """What became of one stage: it ``ran`` (or would run, in a dry run) or was up to date."""

    stage: str
    ran: bool
    seconds: float
    note: str


def make(
    project: Project, *, until: str = "report", dry_run: bool = False, listener: Listener | None = None
) -> list[Step]:
    """Bring every stage up to ``until`` up to date and return what was done.

    Args:
        project: its settings; outputs go to ``project.build``.
        until: the last stage to do, one of ``NAMES``; stages that it does not need are left alone.
        dry_run: only say what would be done.
        listener: hears of each stage as it starts, goes on and ends.

    Raises:
        ToolkitError: a stage failed; those before it are done and stay done.
    """
    listener = listener or Listener()
    wanted = needed(until)
    for stage in wanted:
        stage.settings(project)  # a wrong name must not cost a training first
    if dry_run:
        return list(_plan(project, wanted))
    steps = []
    with _alone(project):
        done = _read_state(project)
        for stage in wanted:
            key = _key(stage, project, done)
            work = Work(project, key, listener)
            started = time.perf_counter()
            fresh = _fresh(stage, key, project, done)
            if not fresh:
                listener.started(stage.name)
                outputs = stage.run(work)
                hashes = {path.relative_to(project.build).as_posix(): _hash(path) for path in outputs}
                done[stage.name] = {"key": key, "outputs": hashes}
                _write_state(project, done)
            steps.append(Step(stage.name, not fresh, time.perf_counter() - started, stage.note(work)))
            listener.finished(stage.name, not fresh, steps[-1].seconds, steps[-1].note)
    return steps


def needed(until: str) -> list[Stage]:
    """Return the stages that ``until`` needs, itself included, in order."""
    if until not in NAMES:
        raise ToolkitError(f"no stage is called {until!r}", fix=f"use one of: {', '.join(NAMES)}")
    wanted = {until}
    for stage in reversed(STAGES):
        if stage.name in wanted:
            wanted.update(stage.needs)
    return [stage for stage in STAGES if stage.name in wanted]


def _plan(project: Project, wanted: list[Stage]) -> Iterator[Step]:
    """Yield what ``make`` would do: a stage after one that would run is taken to run too."""
    done = _read_state(project)
    stale: set[str] = set()
    for stage in wanted:
        if stale.intersection(stage.needs) or not _fresh(stage, _key(stage, project, done), project, done):
            stale.add(stage.name)
        yield Step(stage.name, stage.name in stale, 0.0, "would run" if stage.name in stale else "unchanged")


def _key(stage: Stage, project: Project, done: dict[str, Any]) -> str:
    inputs = {
        "stage": stage.name,
        "settings": stage.settings(project),
        "needs": {name: done.get(name, {}).get("outputs") for name in stage.needs},
        "code": {source: own_code.digest(source) for source in stage.sources},
        "packages": {name: package_version(name) for name in stage.packages},
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True, default=str).encode()).hexdigest()


def _fresh(stage: Stage, key: str, project: Project, done: dict[str, Any]) -> bool:
    """True when the stage ran with this key and its outputs are still what it wrote."""
    record = done.get(stage.name)
    if not isinstance(record, dict) or record.get("key") != key:
        return False
    outputs = record.get("outputs", {})
    return all(_hash(project.build / name) == value for name, value in outputs.items())


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "missing"


def _read_state(project: Project) -> dict[str, Any]:
    try:
        document = json.loads((project.build / _STATE).read_text(encoding="utf-8"))
        stages = document["stages"] if document["schema"] == SCHEMA else {}
        return stages if isinstance(stages, dict) else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}  # everything is done again


def _write_state(project: Project, done: dict[str, Any]) -> None:
    text = json.dumps({"schema": SCHEMA, "stages": done}, indent=1) + "\n"
    atomic.write_text(project.build / _STATE, text)


@contextmanager
def _alone(project: Project) -> Iterator[None]:
    """Let one ``toolkit make`` at a time work in a project; the lock ends with the process that holds it."""
    from filelock import FileLock, Timeout

    try:
        project.build.mkdir(parents=True, exist_ok=True)
        lock = FileLock(project.build / ".lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise ToolkitError(
            "another `toolkit` is working in this project",
            at=str(project.build),
            fix="wait until it has finished",
        ) from None
    except OSError as error:
        raise ToolkitError(
            f"cannot write in {project.build}: {error.strerror or error}", fix="check its rights"
        ) from error
    try:
        yield
    finally:
        lock.release()
