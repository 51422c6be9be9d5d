"""Rules for the whole suite: with ``TOOLKIT_NO_SKIP=1`` a skipped test fails, for CI has everything."""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests import quick_export
from tests.warm_start import WarmToolkit
from toolkit.cli import GARBAGE

quick_export.install()
gc.set_threshold(*GARBAGE)
NO_SKIP = os.environ.get("TOOLKIT_NO_SKIP") == "1"


@pytest.hookimpl
def pytest_collection_finish() -> None:
    """Let the collector of garbage pass over all that tests share: a fifth of their time."""
    gc.collect()
    gc.freeze()


def _as_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure that says why it skipped; an expected failure stays what it is."""
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        report.outcome = "failed"
        report.longrepr = f"TOOLKIT_NO_SKIP=1 allows no skip, but this test skipped.\n{why}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """See ``_as_failure``."""
    report = yield
    _as_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """See ``_as_failure``; a module may skip as a whole."""
    report = yield
    _as_failure(report)
    return report


@dataclass(frozen=True)
class Ran:
    """What a run of the command line gave back."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout."""
        document: dict[str, Any] = json.loads(self.out)
        return document


class Cli(Protocol):
    """Run ``toolkit ARGS`` as a person does, in another process; ``environment`` adds variables."""

    def __call__(
        self, *args: object, cwd: Path | None = None, timeout: float = 300, **environment: str
    ) -> Ran: ...


class Python(Protocol):
    """Run ``python SCRIPT ARGS`` in another process, in the folder ``cwd`` and with this environment alone."""

    def __call__(self, script: str, *args: str, cwd: Path, environment: dict[str, str]) -> Ran: ...


def _clean_environment() -> dict[str, str]:
    """Return the environment without the settings of the machine that runs the tests, but for where data is."""
    return {
        key: value
        for key, value in os.environ.items()
        if key == "TOOLKIT_DATA" or not key.startswith("TOOLKIT_")
    }


def _toolkit(*args: object, cwd: Path | None = None, timeout: float = 300, **environment: str) -> Ran:
    command = [sys.executable, "-m", "toolkit", *map(str, args)]
    return run_program(command, cwd, {**_clean_environment(), **environment}, timeout)


def run_program(
    command: Sequence[str], cwd: Path | None, environment: dict[str, str], timeout: float = 600
) -> Ran:
    """Run a program in a process of its own, in this environment alone."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _warm_cli(warm: WarmToolkit, environment: Callable[[], dict[str, str]]) -> Cli:
    def run(*args: object, cwd: Path | None = None, timeout: float = 300, **more: str) -> Ran:
        if not all(name.startswith("TOOLKIT_") for name in more):  # it may be what Python reads as it starts
            return _toolkit(*args, cwd=cwd, timeout=timeout, **more)
        return Ran(*warm.run([*map(str, args)], cwd, {**environment(), **more}, timeout))

    return run


@pytest.fixture(scope="session")
def warm() -> Generator[WarmToolkit | None]:
    """A process to fork commands and scripts off; None where processes do not fork."""
    if not sys.platform.startswith("linux"):
        yield None
        return
    started = WarmToolkit()
    yield started
    started.close()


@pytest.fixture(scope="session")
def cli(warm: WarmToolkit | None) -> Cli:
    """The ``toolkit`` command; started afresh where the environment is another, or where processes do not fork."""
    return _toolkit if warm is None else _warm_cli(warm, _clean_environment)


@pytest.fixture(scope="session")
def python(warm: WarmToolkit | None) -> Python:
    """The ``python`` command for scripts; started afresh where processes do not fork."""

    def run(script: str, *args: str, cwd: Path, environment: dict[str, str]) -> Ran:
        if warm is not None:
            return Ran(*warm.run([*args], cwd, environment, 600, script))
        return run_program([sys.executable, script, *args], cwd, environment)

    return run


@pytest.fixture
def cli_of() -> Generator[Callable[[Path, dict[str, str]], Cli | None]]:
    """Make the ``toolkit`` command of another checkout, in an environment; None where processes do not fork."""
    started: list[WarmToolkit] = []

    def make(checkout: Path, environment: dict[str, str]) -> Cli | None:
        if not sys.platform.startswith("linux"):
            return None
        started.append(WarmToolkit(checkout))
        return _warm_cli(started[-1], lambda: environment)

    yield make
    for warm in started:
        warm.close()


@pytest.fixture(scope="session")
def tiny_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small int8 convolution net as a ``.pt2``, (1, 8, 8) in, 3 out."""
    import numpy as np
    import torch
    from torch import nn

    from toolkit.program import pt2
    from toolkit.program.quantize import quantize_ptq

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(64, 3))
        model = nn.Sequential(*layers).eval()
    x = np.random.default_rng(0).normal(size=(24, 1, 8, 8)).astype(np.float32)
    file = tmp_path_factory.mktemp("programs") / "tiny.pt2"
    pt2.save(quantize_ptq(model, x), file, {"classes": ["a", "b", "c"]})
    return file
