"""Processes that bench cells beside one another; none of them outlives the loop that reads their results."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from toolkit.measure.matrix.cell import Cell

_CODE = "import sys; sys.path[:] = {path!r}; from toolkit.measure.matrix.worker import serve; serve()"
_LOOK_S = 0.5  # how often a wait looks up, so that Ctrl-C is heard on every system


@dataclass(frozen=True)
class Answer:
    """What became of a cell: the ``document`` of its bench, or an ``error`` with ``what``, ``at`` and ``fix``.

    ``kept`` is True where it was done in an earlier run.
    """

    cell: Cell
    seconds: float
    document: dict[str, Any] | None = None
    error: dict[str, str] | None = None
    kept: bool = False


def perform(cells: Sequence[Cell], *, jobs: int, timeout_s: float) -> Iterator[Answer]:
    """Bench ``cells`` in ``jobs`` processes and yield each as it ends, whatever the order.

    When the caller stops reading, or Ctrl-C comes, all that runs is stopped at once.

    Args:
        cells: what to do.
        jobs: how many at a time.
        timeout_s: after so long a cell is given up, and its process killed.
    """
    todo, done = SimpleQueue[Cell](), SimpleQueue[Answer]()
    for cell in cells:
        todo.put(cell)
    workers = [_Worker(todo, done, timeout_s) for _ in range(min(jobs, len(cells)))]
    try:
        for worker in workers:
            worker.start()
        for _ in cells:
            while True:
                try:
                    yield done.get(timeout=_LOOK_S)
                    break
                except Empty:
                    continue
    finally:
        for worker in workers:
            worker.stop()


class _Worker(threading.Thread):
    """Feeds one process; starts another when that one dies."""

    def __init__(self, todo: SimpleQueue[Cell], done: SimpleQueue[Answer], timeout_s: float) -> None:
        super().__init__(daemon=True)
        self.todo, self.done, self.timeout_s = todo, done, timeout_s
        self.process: subprocess.Popen[str] | None = None
        self.stopped = False
        self.lock = threading.Lock()  # between starting a process and stopping for good

    def run(self) -> None:
        """Do cells until none is left."""
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            while not self.stopped:
                try:
                    cell = self.todo.get_nowait()
                except Empty:
                    return
                started = time.perf_counter()
                try:
                    answer = self._ask(cell, said)
                except OSError as error:
                    answer = {"error": _error(f"cannot start a process: {error.strerror or error}")}
                if not self.stopped:
                    self.done.put(Answer(cell, time.perf_counter() - started, **answer))

    def stop(self) -> None:
        """End the process and whatever it started."""
        with self.lock:
            self.stopped = True
            self._kill()
        if self.process is not None:
            self.process.wait()
        if self.is_alive():
            self.join()

    def _ask(self, cell: Cell, said: Any) -> dict[str, Any]:
        process = self._running(said)
        assert process.stdin is not None
        assert process.stdout is not None
        with tempfile.TemporaryDirectory(prefix="toolkit-cell-", ignore_cleanup_errors=True) as scratch:
            task = {"cell": cell.to_json(), "scratch": str(Path(scratch)), "timeout_s": self.timeout_s}
            late = threading.Event()
            alarm = threading.Timer(self.timeout_s, self._give_up, [late])
            alarm.start()
            try:
                process.stdin.write(json.dumps(task) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except OSError:
                line = ""
            finally:
                alarm.cancel()
                alarm.join()
            if line.endswith("\n") and not late.is_set():
                found: dict[str, Any] = json.loads(line)
                return found
            self._kill()
            process.wait()
        if late.is_set():
            fix = "raise --timeout, or leave the cell out"
            return {"error": _error(f"it took longer than {self.timeout_s:g} s", fix=fix)}
        return {"error": _error(f"its process died ({_how(process.returncode)})", at=_last_line(said))}

    def _running(self, said: Any) -> subprocess.Popen[str]:
        with self.lock:
            if self.stopped:
                raise OSError("stopped")
            if self.process is None or self.process.poll() is not None:
                self.process = subprocess.Popen(
                    [sys.executable, "-c", _CODE.format(path=sys.path)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=said,
                    env={"OMP_NUM_THREADS": "1", **os.environ},
                    text=True,
                    encoding="utf-8",
                    start_new_session=True,  # Ctrl-C is ours alone
                )
            return self.process

    def _give_up(self, late: threading.Event) -> None:
        late.set()
        self._kill()

    def _kill(self) -> None:
        if self.process is None or self.process.returncode is not None:
            return
        if hasattr(os, "killpg"):
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        else:
            self.process.kill()


def _error(what: str, at: str = "", fix: str = "") -> dict[str, str]:
    return {"what": what, "at": at, "fix": fix}


def _how(code: int) -> str:
    try:
        return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _last_line(said: Any) -> str:
    said.seek(0)
    lines = said.read()[-2000:].strip().splitlines()
    return lines[-1] if lines else ""
