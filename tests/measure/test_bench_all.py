"""A matrix is benched a few cells at a time; what fails stays in its cell, and what is done stays done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.device import toy
from toolkit.measure.bench import bench
from toolkit.measure.matrix import pool
from toolkit.measure.matrix.cell import Cell
from toolkit.measure.matrix.store import Store

FEW, MANY = (
    "for (int i = 0; i < 8; i++) if (arena[i] < 0) arena[i] = 0;",
    "for (volatile int i = 0; i < 99; i++);",
)


def _bundles(folder: Path, count: int, layer_0: str = FEW) -> Path:
    for number in range(count):
        bundle = toy.make(
            folder / f"bundle-{number}", globals=f"// {number}", layer_0=layer_0
        )  # no two the same
        toy.with_golden(bundle)
    return folder


def test_what_fails_stays_in_its_cell(cli: Cli, tmp_path: Path) -> None:
    """Two cores, C that does not compile, and a manifest that is none: benched, done once more, compared."""
    folder = tmp_path / "bundles"
    for name, target, layer in (
        ("m0", "cortex-m0plus", FEW),
        ("m4", "cortex-m4", FEW),
        ("wrong", "cortex-m4", "?"),
    ):
        toy.with_golden(toy.make(folder / name, target, layer_0=layer))
    (folder / "damaged").mkdir()
    (folder / "damaged" / "manifest.json").write_text("{")
    command = ("bench", "--all", "bundles", "--json", "-j", "2")
    made = cli(*command, cwd=tmp_path)
    assert made.code == 1, made.err
    document = made.document
    assert (document["schema"], document["command"], document["run"]) == (1, "bench-all", 1)
    cells = {cell["model"]: cell for cell in document["cells"]}
    assert list(cells) == ["damaged", "m0", "m4", "wrong"]
    assert all(
        set(cell) == {"model", "target", "ways", "seconds", "kept", "bench", "error"}
        for cell in cells.values()
    )
    assert cells["damaged"]["error"]["what"].startswith("not a valid manifest")
    assert cells["wrong"]["error"]["what"].startswith("compiling model.c failed")
    assert cells["wrong"]["bench"] is None
    for name, target in (("m0", "cortex-m0plus"), ("m4", "cortex-m4")):
        found = cells[name]["bench"]
        assert (found["model"], found["target"], cells[name]["error"]) == (name, target, None)
        assert found == {**bench(folder / name).to_json(), "model": name, "tune": "no"}

    again = cli(*command, "--against", "1", cwd=tmp_path).document
    assert {cell["model"]: cell["kept"] for cell in again["cells"]} == {n: n in ("m0", "m4") for n in cells}
    assert [cell["bench"] for cell in again["cells"]] == [cell["bench"] for cell in document["cells"]]
    assert again["changes"] == []
    assert cli("compare", "--runs", "1", "2", cwd=tmp_path).code == 0

    compared = cli(
        "compare",
        "toolkit-results.sqlite",
        "--y",
        "flash",
        "--only",
        "*",
        "-o",
        "page.html",
        "--json",
        cwd=tmp_path,
    )
    rows = {row["model"]: row for row in compared.document["entries"]}
    assert list(rows) == ["m0", "m4", "damaged", "wrong"]
    assert rows["wrong"]["figures"] == {}
    assert rows["m4"]["figures"]["instructions"] == cells["m4"]["bench"]["instructions"]
    assert "wrong on cortex-m4" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_change_for_the_worse_is_found(cli: Cli, tmp_path: Path) -> None:
    _bundles(tmp_path / "old", 1)
    assert cli("bench", "--all", "old", cwd=tmp_path).code == 0
    _bundles(tmp_path / "new", 1, MANY)
    made = cli("bench", "--all", "new", "--against", "last", cwd=tmp_path)
    assert made.code == 1
    assert "worse" in made.out
    found = cli("compare", "--runs", "1", "2", "--json", cwd=tmp_path)
    assert found.code == 1
    changes = {change["metric"]: change for change in found.document["changes"]}
    assert changes["instructions"]["verdict"] == changes["latency"]["verdict"] == "worse"
    assert changes["instructions"]["ratio"] > 1
    assert (
        cli("compare", "--runs", "2", "1", cwd=tmp_path).code == 0 or changes["flash"]["verdict"] == "better"
    )

    (tmp_path / "old.json").write_text(
        cli("bench", "old/bundle-0", "--json", cwd=tmp_path).out, encoding="utf-8"
    )
    beside = cli(
        "compare", "old.json", "new/bundle-0", "--x", "ram", "--y", "latency", "--json", cwd=tmp_path
    )
    old, new = beside.document["entries"]
    assert old["figures"]["latency_us"]["value"] == changes["latency"]["before"]["value"]
    assert new["figures"]["latency_us"]["value"] == changes["latency"]["after"]["value"]


def _start(folder: Path) -> subprocess.Popen[bytes]:
    """Start a run as from a terminal: Ctrl-C is heard even where the tests run in the background."""
    checkout = Path(__file__).resolve().parents[2]
    return subprocess.Popen(
        [sys.executable, "-m", "toolkit", "bench", "--all", str(folder), "--jobs", "1", "--store", "r.sqlite"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(checkout), "TMPDIR": str(folder / "tmp")},
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip


def _cells(file: Path, run: int) -> int:
    if not file.is_file():
        return 0
    with Store(file) as store:
        found = [each for each in store.runs() if each.id == run]
        return len(store.entries(found[0])[0]) if found else 0


def _has(file: Path, run: int, cells: int) -> bool:
    return _cells(file, run) >= cells


def _wait(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def _running(folder: Path) -> list[str]:
    """Return the processes that work in ``folder``, whatever they are."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve() == folder and process.name != str(os.getpid()):
                found.append(process.name)
        except OSError:
            continue
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_interrupted_runs_go_on_where_they_were(cli: Cli, tmp_path: Path) -> None:
    """Ctrl-C in the first run, a kill in the second: nothing is left running, and only the rest is done."""
    folder, kept = _bundles(tmp_path.resolve(), 8), 0
    file = folder / "r.sqlite"
    (folder / "tmp").mkdir()
    for run, sent in ((1, signal.SIGINT), (2, signal.SIGKILL)):
        process = _start(folder)
        _wait(partial(_has, file, run, kept + 1))
        process.send_signal(sent)
        assert process.stderr is not None
        said = process.stderr.read().decode()
        assert process.wait(20) == (130 if sent == signal.SIGINT else -signal.SIGKILL), said
        assert ("the same command does the rest" in said) == (sent == signal.SIGINT)
        _wait(lambda: not _running(folder), 10)
        assert list((folder / "tmp").glob("toolkit-cell-*")) == []
        kept = _cells(file, run)
        assert run <= kept < 8
    with Store(file) as store:
        assert [each.ended for each in store.runs()] == [None, None]
    made = cli("bench", "--all", folder, "--store", file, "--json", "-j", "2", cwd=folder)
    assert made.code == 0
    assert [cell["kept"] for cell in made.document["cells"]].count(True) == kept
    assert _cells(file, 3) == 8


CELLS = [Cell(name, Path(name), "cortex-m4") for name in "abc"]


@pytest.mark.parametrize(
    ("code", "what"),
    [("import os; os.kill(os.getpid(), 9)", "SIGKILL"), ("import sys; sys.exit('no memory')", "exit code 1"),
     ("import time; time.sleep(60)", "longer than 0.5 s")],
)  # fmt: skip
def test_a_process_that_dies_or_hangs_costs_its_cell(
    code: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "_CODE", code)
    answers = list(pool.perform(CELLS, jobs=3, timeout_s=0.5 if "longer" in what else 30))
    assert sorted(answer.cell.model for answer in answers) == ["a", "b", "c"]
    assert all(answer.error and what in answer.error["what"] for answer in answers)
    if "memory" in code:
        assert answers[0].error is not None
        assert answers[0].error["at"] == "no memory"
