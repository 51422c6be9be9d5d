"""The process that benches cells, one after another: a line of JSON in, a line of JSON out.

It is a process of its own so that whatever a cell does to it (a crash, no memory left, an endless loop) stays in that
cell. It ends when its standard input does: when whoever started it is gone. What it has started ends with it, and its
scratch folder goes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import traceback
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from toolkit.errors import ToolkitError, first_line


def serve() -> None:
    """Answer cells until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not end up among the answers
    asked: SimpleQueue[dict[str, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(asked,), daemon=True).start()
    while True:
        answers.write(json.dumps(answer(asked.get()), default=str) + "\n")
        answers.flush()


def answer(task: dict[str, Any]) -> dict[str, Any]:
    """Return a cell's ``document``, or the ``error`` that it ends with.

    Args:
        task: ``cell`` as JSON, ``scratch``, an empty folder, and ``timeout_s``.
    """
    from toolkit.measure.matrix.cell import Cell, perform

    try:
        cell = Cell.from_json(task["cell"])
        return {"document": perform(cell, Path(task["scratch"]), task["timeout_s"])}
    except ToolkitError as error:
        return {"error": {"what": error.what, "at": error.at, "fix": error.fix}}
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {first_line(error)}"
        at = f"{frame.filename}:{frame.lineno}, in {frame.name}"
        return {"error": {"what": what, "at": at, "fix": "this is a bug in toolkit: please report it"}}


def _listen(asked: SimpleQueue[dict[str, Any]]) -> None:
    scratch = ""
    for line in sys.stdin:
        task = json.loads(line)
        scratch = task["scratch"]
        asked.put(task)
    if scratch:
        shutil.rmtree(scratch, ignore_errors=True)
    if hasattr(os, "killpg"):
        os.killpg(0, signal.SIGKILL)  # compilers and emulators too: the pool made a group of us
    os._exit(0)


if __name__ == "__main__":
    serve()
