"""Run files of a bundle by the bundle's own ``run.py``, in a process of its own: a runtime may end it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from toolkit.errors import CHECK_FAILED, ToolkitError

_TIMEOUT_S = 900


def run_files(bundle: Path, files: list[str]) -> dict[str, list[np.ndarray]]:
    """Return what each of ``files`` computes from the golden inputs: one array per output, first axis the sample.

    Raises:
        ToolkitError: the runtime refuses a file, ends its process, or takes too long.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-runtime-") as folder:
        made = Path(folder) / "outputs.npz"
        command = [sys.executable, str((bundle / "run.py").resolve()), "--output", str(made), "--json"]
        for file in files:
            command += ["--file", file]
        try:
            done = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ToolkitError(
                f"{', '.join(files)} did not end within {_TIMEOUT_S} s", exit_code=CHECK_FAILED
            ) from error
        if done.returncode or not made.is_file():
            said = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
            raise ToolkitError(
                f"the runtime of {', '.join(files)} cannot run them: {said}",
                fix="leave that runtime out with --format, and report this: a file that is written should run",
                exit_code=CHECK_FAILED,
            )
        with np.load(made, allow_pickle=False) as arrays:
            found: dict[str, list[np.ndarray]] = {file: [] for file in files}
            for name in sorted(arrays.files, key=lambda name: int(name.rpartition(":")[2])):
                found[name.rpartition(":")[0]].append(arrays[name])
    return found
