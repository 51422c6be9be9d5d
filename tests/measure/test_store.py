"""The results file: one row per figure, safe from other writers, and suspicious of foreign bytes."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from toolkit.compare.entry import of_document
from toolkit.errors import ToolkitError
from toolkit.measure.matrix.cell import Cell
from toolkit.measure.matrix.pool import Answer
from toolkit.measure.matrix.results_file import SCHEMA
from toolkit.measure.matrix.store import Store

CELL = Cell("net", Path("net.pt2"), "cortex-m4", "size")
DOCUMENT: dict[str, Any] = {
    "schema": 1, "model": "net", "target": "cortex-m4", "toolchain": "zig", "emulator": "unicorn",
    "accuracy": {"value": 0.9, "kind": "counted", "source": "100 test samples"},
    "latency_us": {"value": 12.5, "kind": "measured", "source": "a clock", "uncertainty": 0.25},
    "energy_uj": None,
    "memory": {"flash_bytes": 3000, "arena_bytes": 100, "other_static_bytes": 20, "stack_reserved_bytes": 1024,
               "stack_used_bytes": 80},
}  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """A file with one run: a cell that is done, and one that failed."""
    file = tmp_path / "results.sqlite"
    with Store(file) as store:
        run = store.begin("matrix.toml")
        store.add(run, "key", Answer(CELL, 1.5, DOCUMENT))
        store.add(
            run, "", Answer(Cell("other", Path("o"), "host"), 0.1, error={"what": "no", "at": "", "fix": ""})
        )
        store.end(run)
    return file


def test_what_goes_in_comes_out(filled: Path) -> None:
    with Store(filled, must_exist=True) as store:
        run = store.run("last")
        assert (run.id, run.title, run.ended is None) == (1, "matrix.toml", False)
        assert store.run("1") == run
        (entry,), (failed,) = store.entries(run)
        assert entry.figures == of_document(DOCUMENT, source="").figures
        assert entry.ways == {"optimize": "size", "toolchain": "zig", "emulator": "unicorn"}
        assert (failed.model, failed.target, failed.source) == ("other", "host", "no")
        assert store.finished("key", CELL) == (1, Answer(CELL, 1.5, DOCUMENT, kept=True))
        assert store.finished("", CELL) is store.finished("another", CELL) is None
        with pytest.raises(ToolkitError, match="no run 7"):
            store.run("7")
    (row,) = sqlite3.connect(filled).execute("SELECT * FROM results WHERE name = 'latency_us'").fetchall()
    assert json.loads(row[4])["ziglang"] == version("ziglang")
    assert row[5:7] == ("net", "cortex-m4")
    assert row[8:] == ("latency_us", 12.5, "us", "measured", 0.25, "a clock")


def _refused(file: Path, what: str) -> None:
    before = file.read_bytes()
    with pytest.raises(ToolkitError, match=what) as error, Store(file):
        pass
    assert error.value.fix
    assert file.read_bytes() == before


def test_foreign_files_are_refused_and_left_alone(tmp_path: Path, filled: Path) -> None:
    text = tmp_path / "a.sqlite"
    text.write_text("no database at all, but long enough to be one " * 100)
    _refused(text, "damaged")
    other = tmp_path / "b.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE runs (x)")
    database.close()
    _refused(other, "another program")
    with sqlite3.connect(filled) as database:
        database.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    database.close()
    _refused(filled, f"schema is {SCHEMA + 1}")
    with pytest.raises(ToolkitError, match="no results file"):
        Store(tmp_path / "gone.sqlite", must_exist=True)
    with pytest.raises(ToolkitError, match="cannot use"):
        Store(tmp_path / "no" / "such" / "folder.sqlite")


def test_damage_is_found_or_harmless(tmp_path: Path, filled: Path) -> None:
    """Whatever bytes are changed: an error for the person, or a file that reads as one."""
    whole, chance, refused = filled.read_bytes(), random.Random(0), 0
    for _ in range(120):
        damaged = bytearray(whole)
        start, length = chance.randrange(len(whole)), chance.choice((1, 4, 64, 2000))
        damaged[start : start + length] = chance.randbytes(len(damaged[start : start + length]))
        file = tmp_path / "damaged.sqlite"
        file.write_bytes(damaged if chance.random() < 0.7 else damaged[: chance.randrange(1, len(damaged))])
        refused += not _readable(file)
    assert 20 < refused < 120


def _readable(file: Path) -> bool:
    try:
        with Store(file) as store:
            for run in store.runs():
                store.entries(run)
            store.finished("key", CELL)
    except ToolkitError:
        return False
    return True


@pytest.mark.parametrize(
    "change",
    ["UPDATE cells SET document = '[1]' WHERE error IS NULL", "UPDATE cells SET ways = 'x'",
     "UPDATE figures SET how = 'guessed'",
     "UPDATE figures SET value = 'much'", "UPDATE figures SET value = 9e999", "UPDATE figures SET uncertainty = 'some'",
     "DROP TABLE figures", "ALTER TABLE cells DROP COLUMN ways", "UPDATE figures SET value = x'00'"],
)  # fmt: skip
def test_nonsense_in_a_sound_file_is_an_error(filled: Path, change: str) -> None:
    with sqlite3.connect(filled) as database:
        if "DROP" in change:
            database.execute("DROP VIEW results")
        database.execute(change)
    database.close()
    with pytest.raises(ToolkitError) as error, Store(filled) as store:
        store.entries(store.run("last"))
    assert error.value.fix


WRITER = """
import sys
from pathlib import Path
from tests.measure.test_store import CELL, DOCUMENT
from toolkit.measure.matrix.pool import Answer
from toolkit.measure.matrix.store import Store
sys.stdin.read()  # until both are there
for _ in range(4):
    with Store(Path(sys.argv[1])) as store:
        run = store.begin("writer")
        for _ in range(2):
            store.add(run, "key", Answer(CELL, 1.0, DOCUMENT))
        store.end(run)
"""


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    file = tmp_path / "both.sqlite"
    checkout = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(checkout)!r}]\n{WRITER}", str(file)]
    writers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.close()
    for writer in writers:
        assert writer.wait(60) == 0, writer.stderr and writer.stderr.read()
        assert writer.stderr is not None
        writer.stderr.close()
    with Store(file) as store:
        runs = store.runs()
        assert [run.id for run in runs] == list(range(1, 9))
        assert all(run.ended for run in runs)
        assert {len(store.entries(run)[0]) for run in runs} == {2}
