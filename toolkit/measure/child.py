"""Another framework in a process of its own: it may end its process where a file displeases it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from toolkit.errors import CHECK_FAILED, ToolkitError


def run_in_child(
    module: str, label: str, model: Path, inputs: list[np.ndarray], *, fix: str, timeout_s: float
) -> list[np.ndarray]:
    """Return what ``python -m module MODEL GIVEN.npz MADE.npz`` writes to the last of these files.

    Args:
        module: reads the arrays of the first ``.npz`` and writes its outputs to the second.
        label: the framework's name, for errors.
        model: the file it runs.
        inputs: what it gets.
        fix: what the person can do where it refuses the model.
        timeout_s: for all of it.

    Raises:
        ToolkitError: it refuses the file, or ends without an answer.
    """
    with tempfile.TemporaryDirectory(prefix="toolkit-framework-") as folder:
        given, made = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        np.savez(given, *inputs)
        command = [sys.executable, "-m", module, str(model), str(given), str(made)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ToolkitError(
                f"{label} did not end within {timeout_s:g} s", at=str(model), exit_code=CHECK_FAILED
            ) from error
        if done.returncode or not made.exists():
            said = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
            raise ToolkitError(
                f"{label} cannot run the model: {said}", at=str(model), fix=fix, exit_code=CHECK_FAILED
            )
        with np.load(made) as arrays:
            return [arrays[name] for name in arrays.files]
