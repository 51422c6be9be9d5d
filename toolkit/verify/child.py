"""Another framework in a process of its own: it may end its process where a file displeases it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolkit.errors import CHECK_FAILED, MISSING, ToolkitError


def importable(package: str) -> bool:
    """True when ``package`` can be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ImportError:  # of the package above it
        return False


@dataclass(frozen=True)
class Framework:
    """A framework that runs files of its own kind, each sample by itself, when asked ``python -m module``."""

    name: str
    label: str  # what of it computes
    package: str  # that must be importable
    module: (
        str  # reads a model's file and the arrays of an ``.npz``, and writes its outputs to another ``.npz``
    )
    install: str  # how to get it
    fix: str  # what the person can do where it refuses a model

    def installed(self) -> bool:
        """True when it can be imported."""
        return importable(self.package)

    def run(
        self, model: Path, stored: list[np.ndarray], real: list[np.ndarray], timeout_s: float = 600.0
    ) -> list[np.ndarray]:
        """Return the outputs of the file ``model`` for samples.

        Args:
            model: the file.
            stored: one array per input, first axis the sample, in the file's layout, as a device takes them.
            real: the same as real numbers, for inputs that are float32 in the file.
            timeout_s: for all samples together.

        Returns:
            One array per output, first axis the sample, then the file's axes.

        Raises:
            ToolkitError: it is not installed, refuses the file or ends without an answer.
        """
        if not self.installed():
            raise ToolkitError(f"{self.name} is not installed", fix=self.install, exit_code=MISSING)
        return _run_in_child(self, model, [*stored, *real], timeout_s)


def _run_in_child(
    framework: Framework, model: Path, inputs: list[np.ndarray], timeout_s: float
) -> list[np.ndarray]:
    with tempfile.TemporaryDirectory(prefix="toolkit-framework-") as folder:
        given, made = Path(folder) / "inputs.npz", Path(folder) / "outputs.npz"
        np.savez(given, *inputs)
        command = [sys.executable, "-m", framework.module, str(model), str(given), str(made)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ToolkitError(
                f"{framework.name} did not end within {timeout_s:g} s", at=str(model), exit_code=CHECK_FAILED
            ) from error
        if done.returncode or not made.exists():
            said = (done.stderr.strip().splitlines() or ["no message"])[-1][:300]
            raise ToolkitError(
                f"{framework.name} cannot run the model: {said}",
                at=str(model),
                fix=framework.fix,
                exit_code=CHECK_FAILED,
            )
        with np.load(made) as arrays:
            return [arrays[name] for name in arrays.files]
