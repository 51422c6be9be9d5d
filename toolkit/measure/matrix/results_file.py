"""The SQLite file of results: opened with suspicion, written in whole transactions, and its tables."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from toolkit.errors import ToolkitError

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
  target TEXT NOT NULL, ways TEXT NOT NULL, tools TEXT NOT NULL, finished TEXT NOT NULL, seconds REAL NOT NULL,
  kept_from INTEGER REFERENCES cells, document TEXT, error TEXT,
  CHECK ((document IS NULL) <> (error IS NULL)));
CREATE TABLE figures (
  cell INTEGER NOT NULL REFERENCES cells, name TEXT NOT NULL, value REAL NOT NULL, unit TEXT NOT NULL,
  how TEXT NOT NULL, uncertainty REAL, source TEXT NOT NULL, PRIMARY KEY (cell, name));
CREATE INDEX cells_by_key ON cells (key);
CREATE INDEX cells_by_run ON cells (run);
CREATE VIEW results AS
  SELECT runs.id AS run, cells.finished AS time, host, toolkit, tools, model, target, ways, name, value, unit, how,
    uncertainty, figures.source AS source
  FROM figures JOIN cells ON figures.cell = cells.id JOIN runs ON cells.run = runs.id;
"""


class ResultsFile:
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
        with self.reporting():
            self.database = sqlite3.connect(self.path, timeout=_WAIT_S, isolation_level=None)
            try:
                self.database.execute("PRAGMA trusted_schema = OFF")
                self._prepare()
            except BaseException:
                self.database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.database.close()

    def _prepare(self) -> None:
        """Make the tables in a new file; look whether another one is ours and whole."""
        (version,) = self.database.execute("PRAGMA user_version").fetchone()
        (owner,) = self.database.execute("PRAGMA application_id").fetchone()
        if version == 0 and owner == 0 and not self._tables():
            with self.writing():
                if not self._tables():  # nobody else made them meanwhile
                    for statement in _TABLES.split(";\n"):
                        self.database.execute(statement)
                    self.database.execute(f"PRAGMA user_version = {SCHEMA}")
                    self.database.execute(f"PRAGMA application_id = {_APPLICATION}")
            return
        if owner != _APPLICATION:
            raise ToolkitError("it is a database of another program", at=str(self.path), fix=_OTHER_FILE)
        if version > SCHEMA:
            raise ToolkitError(
                f"its schema is {version}, and this toolkit knows {SCHEMA}", at=str(self.path),
                fix="install the toolkit that wrote it, or give another file with --store",
            )  # fmt: skip
        (found,) = self.database.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok" or not {"runs", "cells", "figures"} <= self._tables():
            raise self._damaged(str(found))

    def _tables(self) -> set[str]:
        return {
            row[0] for row in self.database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let one transaction happen, whole or not at all."""
        with self.reporting():
            self.database.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self.database.execute("ROLLBACK")
                raise
            self.database.execute("COMMIT")

    @contextmanager
    def reporting(self) -> Iterator[None]:
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
