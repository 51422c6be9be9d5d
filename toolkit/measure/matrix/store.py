"""Results of benches in one SQLite file: runs, their cells, and a row for every figure."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import toolkit
from toolkit.compare import entry as entries
from toolkit.compare.entry import WAYS, Entry
from toolkit.compare.metric import METRICS
from toolkit.errors import ToolkitError
from toolkit.measure.figure import Figure
from toolkit.measure.matrix.cell import Cell
from toolkit.measure.matrix.pool import Answer
from toolkit.measure.matrix.results_file import ResultsFile


@dataclass(frozen=True)
class Run:
    """One run of a matrix. ``ended`` is None where it was interrupted, or still goes on. Times are UTC."""

    id: int
    started: str
    ended: str | None
    title: str
    host: str
    toolkit: str


class Store(ResultsFile):
    """An open results file: see ``ResultsFile``. Errors are those of its ``reporting``."""

    def begin(self, title: str) -> int:
        """Begin a run and return its number; ``title`` says what it is of."""
        values = (_now(), title, platform.node(), platform.platform(terse=True), platform.python_version())
        with self.writing():
            added = self.database.execute(
                "INSERT INTO runs (started, title, host, system, python, toolkit) VALUES (?, ?, ?, ?, ?, ?)",
                (*values, toolkit.__version__),
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def end(self, run: int) -> None:
        """Note that a run went to its end."""
        with self.writing():
            self.database.execute("UPDATE runs SET ended = ? WHERE id = ?", (_now(), run))

    def add(self, run: int, key: str, answer: Answer, kept_from: int | None = None) -> None:
        """Add what became of a cell; ``kept_from`` is the earlier one whose result it is."""
        cell, document, error = answer.cell, answer.document, answer.error
        figures = {} if document is None else dict(entries.of_document(document, source=cell.model).figures)
        row = {
            "run": run, "key": key, "model": cell.model, "target": cell.target, "ways": json.dumps(cell.ways),
            "tools": json.dumps({} if document is None else cell.tools()), "finished": _now(),
            "seconds": answer.seconds, "kept_from": kept_from, "document": document and json.dumps(document),
            "error": error and json.dumps(error),
        }  # fmt: skip
        with self.writing():
            added = self.database.execute(
                f"INSERT INTO cells ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                tuple(row.values()),
            )
            rows = [(added.lastrowid, metric.key, figure.value, metric.unit, figure.kind, figure.uncertainty,
                     figure.source) for metric in METRICS if (figure := figures.get(metric.key))]  # fmt: skip
            self.database.executemany("INSERT INTO figures VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def finished(self, key: str, cell: Cell) -> tuple[int, Answer] | None:
        """Return the number and the result of the latest cell of this ``key`` that did not fail, as one of ``cell``."""
        with self.reporting():
            found = self.database.execute(
                "SELECT id, seconds, document FROM cells WHERE key = ? AND document IS NOT NULL "
                "ORDER BY id DESC LIMIT 1", (key,)
            ).fetchone()  # fmt: skip
            if found is None:
                return None
            document = {**_object(found[2]), "model": cell.model}
        return int(found[0]), Answer(cell, float(found[1]), document, kept=True)

    def runs(self) -> list[Run]:
        """Return all runs, the oldest first."""
        with self.reporting():
            return [
                Run(*row)
                for row in self.database.execute(
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
        with self.reporting():
            rows = self.database.execute(
                "SELECT id, model, target, ways, error, document FROM cells WHERE run = ? ORDER BY model, target, id",
                (run.id,),
            ).fetchall()
            for number, model, target, ways, error, document in rows:
                chosen = {str(name): str(value) for name, value in _object(ways).items()}
                if error is not None:
                    failed.append(Entry(model, target, chosen, {}, str(_object(error).get("what"))))
                    continue
                told = _object(document)
                ways = {way: str(told[way]) for way in WAYS if told.get(way) is not None} | chosen
                source = f"{self.path.name}, run {run.id}"
                done.append(Entry(model, target, ways, self._figures(number), source, entries.notes_of(told)))
        return done, failed

    def _figures(self, cell: int) -> dict[str, Figure]:
        rows = self.database.execute(
            "SELECT name, value, how, uncertainty, source FROM figures WHERE cell = ?", (cell,)
        )
        names = ("value", "kind", "uncertainty", "source")
        at = f"{self.path}, cell {cell}"
        return {row[0]: entries.figure(dict(zip(names, row[1:], strict=True)), at) for row in rows}


def _object(text: Any) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError(f"{text!r:.60} is no object")
    return found


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
