"""Results of benches in one SQLite file: runs, their cells, and a row for every figure."""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import toolkit
from toolkit.errors import ToolkitError
from toolkit.measure import entry as entries
from toolkit.measure.cell import Cell
from toolkit.measure.entry import WAYS, Entry
from toolkit.measure.figure import Figure
from toolkit.measure.metric import METRICS
from toolkit.measure.pool import Answer

FILE = "toolkit-results.sqlite"
SCHEMA = 1
_APPLICATION = 0x746B7273  # "tkrs", so that another program's database is not taken for ours
_WAIT_S = 60  # for another process that is writing
_OTHER_FILE = "move it away, or give another file with --store"
_TABLES = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY, started TEXT NOT NULL, ended TEXT, title TEXT NOT NULL, host TEXT NOT NULL,
  system TEXT NOT NULL, python TEXT NOT NULL, toolkit TEXT NOT NULL);
CREATE TABLE cells (
  id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES runs, key TEXT NOT NULL, model TEXT NOT NULL,
  target TEXT NOT NULL, ways TEXT NOT NULL, finished TEXT NOT NULL, seconds REAL NOT NULL,
  kept_from INTEGER REFERENCES cells, document TEXT, error TEXT,
  CHECK ((document IS NULL) <> (error IS NULL)));
CREATE TABLE figures (
  cell INTEGER NOT NULL REFERENCES cells, name TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL,
  how TEXT NOT NULL, uncertainty REAL, source TEXT NOT NULL, PRIMARY KEY (cell, name));
CREATE INDEX cells_by_key ON cells (key);
CREATE INDEX cells_by_run ON cells (run);
CREATE VIEW results AS
  SELECT runs.id AS run, cells.finished AS time, host, toolkit, model, target, ways, name, value, unit, how,
    uncertainty, figures.source AS source
  FROM figures JOIN cells ON figures.cell = cells.id JOIN runs ON cells.run = runs.id;
"""


@dataclass(frozen=True)
class Run:
    """One run of a matrix. ``ended`` is None where it was interrupted, or still goes on. Times are UTC."""

    id: int
    started: str
    ended: str | None
    title: str
    host: str
    toolkit: str


class Store:
    """An open results file, to be used in a ``with``; made when it is not there.

    Any number of processes may read and write the file at once: each addition is one transaction.
    """

    def __init__(self, path: Path, *, must_exist: bool = False) -> None:
        """Open ``path``.

        Raises:
            ToolkitError: it is missing and ``must_exist``, cannot be opened, is damaged, of another program or of a
                newer toolkit.
        """
        self.path = Path(path)
        if must_exist and not self.path.is_file():
            raise ToolkitError(f"there is no results file {path}", fix="make one with `toolkit bench --all`")
        with self._reporting():
            self._database = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            try:
                self._database.execute("PRAGMA trusted_schema = OFF")
                self._prepare()
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._database.close()

    def begin(self, title: str) -> int:
        """Begin a run and return its number; ``title`` says what it is of."""
        values = (_now(), title, platform.node(), platform.platform(terse=True), platform.python_version())
        with self._writing():
            added = self._database.execute(
                "INSERT INTO runs (started, title, host, system, python, toolkit) VALUES (?, ?, ?, ?, ?, ?)",
                (*values, toolkit.__version__),
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def end(self, run: int) -> None:
        """Note that a run went to its end."""
        with self._writing():
            self._database.execute("UPDATE runs SET ended = ? WHERE id = ?", (_now(), run))

    def add(self, run: int, key: str, answer: Answer, kept_from: int | None = None) -> None:
        """Add what became of a cell; ``kept_from`` is the earlier one whose result it is."""
        cell, document, error = answer.cell, answer.document, answer.error
        figures = {} if document is None else entries.of_document(document, source=cell.model).figures
        with self._writing():
            added = self._database.execute(
                "INSERT INTO cells (run, key, model, target, ways, finished, seconds, kept_from, document, error) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (run, key, cell.model, cell.target, json.dumps(cell.ways), _now(), answer.seconds, kept_from,
                 document and json.dumps(document), error and json.dumps(error)),
            )  # fmt: skip
            rows = [(added.lastrowid, metric.key, figure.value, metric.unit, figure.kind, figure.uncertainty,
                     figure.source) for metric in METRICS if (figure := figures.get(metric.key))]  # fmt: skip
            self._database.executemany("INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def finished(self, key: str, cell: Cell) -> tuple[int, Answer] | None:
        """Return the number and the result of the latest cell of this ``key`` that did not fail, as one of ``cell``."""
        with self._reporting():
            found = self._database.execute(
                "SELECT id, seconds, document FROM cells WHERE key = ? AND document IS NOT NULL "
                "ORDER BY id DESC LIMIT 1", (key,)
            ).fetchone()  # fmt: skip
            if found is None:
                return None
            document = {**_object(found[2]), "model": cell.model}
        return int(found[0]), Answer(cell, float(found[1]), document, kept=True)

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first."""
        with self._reporting():
            return [
                Run(*row)
                for row in self._database.execute(
                    "SELECT id, started, ended, title, host, toolkit FROM runs ORDER BY id"
                )
            ]

    def run(self, name: str) -> Run:
        """Return the run that ``name`` means: its number, or ``last``. Raises ``ToolkitError`` when there is none."""
        runs = self.runs()
        for run in runs[-1:] if name == "last" else runs:
            if name in ("last", str(run.id)):
                return run
        known = ", ".join(f"{run.id} ({run.started[:16]})" for run in runs[-5:])
        fix = f"the last ones are {known}" if runs else "make one with `toolkit bench --all`"
        raise ToolkitError(f"there is no run {name}", at=str(self.path), fix=fix)

    def entries(self, run: Run) -> tuple[list[Entry], list[Entry]]:
        """Return what a run found, and what failed in it, without figures and with the error as its source."""
        done, failed = [], []
        with self._reporting():
            rows = self._database.execute(
                "SELECT id, model, target, ways, error, document FROM cells WHERE run = ? ORDER BY model, target, id",
                (run.id,),
            ).fetchall()
            for number, model, target, ways, error, document in rows:
                chosen = {str(name): str(value) for name, value in _object(ways).items()}
                if error is not None:
                    failed.append(Entry(model, target, chosen, {}, str(_object(error).get("what"))))
                    continue
                said = {way: str(value) for way, value in _object(document).items() if way in WAYS}
                source = f"{self.path.name}, run {run.id}"
                done.append(Entry(model, target, {**said, **chosen}, self._figures(number), source))
        return done, failed

    def _figures(self, cell: int) -> dict[str, Figure]:
        rows = self._database.execute(
            "SELECT name, value, how, uncertainty, source FROM figures WHERE cell = ?", (cell,)
        )
        names = ("value", "kind", "uncertainty", "source")
        at = f"{self.path}, cell {cell}"
        return {row[0]: entries.figure(dict(zip(names, row[1:], strict=True)), at) for row in rows}

    def _prepare(self) -> None:
        """Make the tables in a new file; look whether another one is ours and whole."""
        (version,) = self._database.execute("PRAGMA user_version").fetchone()
        (owner,) = self._database.execute("PRAGMA application_id").fetchone()
        if version == 0 and owner == 0 and not self._tables():
            with self._writing():
                if not self._tables():  # nobody else made them meanwhile
                    for statement in _TABLES.split(";\n"):
                        self._database.execute(statement)
                    self._database.execute(f"PRAGMA user_version = {SCHEMA}")
                    self._database.execute(f"PRAGMA application_id = {_APPLICATION}")
            return
        if owner != _APPLICATION:
            raise ToolkitError("it is a database of another program", at=str(self.path), fix=_OTHER_FILE)
        if version > SCHEMA:
            raise ToolkitError(
                f"its schema is {version}, and this toolkit knows {SCHEMA}", at=str(self.path),
                fix="install the toolkit that wrote it, or give another file with --store",
            )  # fmt: skip
        (found,) = self._database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok" or not {"runs", "cells", "figures"} <= self._tables():
            raise self._damaged(str(found))

    def _tables(self) -> set[str]:
        return {
            row[0] for row in self._database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Let one transaction happen, whole or not at all."""
        with self._reporting():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        """Turn what SQLite says into an error for the person."""
        try:
            yield
        except sqlite3.OperationalError as error:
            raise ToolkitError(
                f"cannot use the results file: {error}", at=str(self.path), fix=_OTHER_FILE
            ) from error
        except (sqlite3.Error, ValueError, TypeError, RecursionError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, how: str) -> ToolkitError:
        return ToolkitError(f"the results file is damaged: {how}", at=str(self.path), fix=_OTHER_FILE)


def _object(text: Any) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{text!r:.60} is no object")
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
