"""The ``toolkit`` command, or a script, in processes forked off one that has imported torch: seconds sooner.

Run as a program it reads requests, one JSON line each, and answers each with the exit code in another.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
POLL_S = 0.005


class WarmToolkit:
    """Runs ``toolkit ARGS`` of a checkout in forks of a process of its own."""

    def __init__(self, checkout: Path = CHECKOUT) -> None:
        self.server = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            cwd=checkout,
        )

    def run(
        self,
        args: list[str],
        cwd: Path | None,
        environment: dict[str, str],
        timeout: float,
        script: str | None = None,
    ) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error; of ``script`` instead of ``toolkit`` if there is one.

        Raises:
            subprocess.TimeoutExpired: it took longer than ``timeout`` seconds and was stopped.
        """
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            files = [str(Path(folder) / name) for name in ("out", "err")]
            request = {
                "args": args,
                "script": script,
                "cwd": str(cwd or Path.cwd()),
                "environment": environment,
                "timeout": timeout,
                "files": files,
            }
            self.server.stdin.write(json.dumps(request) + "\n")
            self.server.stdin.flush()
            code = json.loads(self.server.stdout.readline())
            out, err = (Path(file).read_text(encoding="utf-8") for file in files)
        if code is None:
            raise subprocess.TimeoutExpired(["toolkit", *args], timeout, out, err)
        return code, out, err

    def close(self) -> None:
        """End the process."""
        assert self.server.stdin is not None
        self.server.stdin.close()
        self.server.wait()


def _serve() -> None:
    import sklearn.datasets  # what nearly all commands import, or many
    import sklearn.model_selection  # noqa: F401
    import torch.export.pt2_archive  # noqa: F401

    import toolkit.bundle
    import toolkit.program.pt2
    import toolkit.program.quantize
    import toolkit.verify.verify  # noqa: F401
    from tests import quick_export

    quick_export.install()
    gc.collect()
    gc.freeze()  # else each fork's collector passes over all of that, and copies its pages
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(request)
        print(json.dumps(_wait(child, request["timeout"])), flush=True)


def _wait(child: int, timeout: float) -> int | None:
    """Return the exit code of ``child``, or None after stopping it."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(POLL_S)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run(request: dict[str, Any]) -> None:
    """Be the command, or the script, and end."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for file, number in zip(request["files"], (1, 2), strict=True):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    code = 0
    try:
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        if request["script"]:
            sys.argv = [request["script"], *request["args"]]
            sys.path.insert(0, str(Path(request["script"]).resolve().parent))
            runpy.run_path(request["script"], run_name="__main__")
        else:
            from toolkit.cli import main

            sys.argv = ["toolkit", *request["args"]]
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    _serve()
