"""Fixtures of the device tests."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.device import targets


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A plain bundle for a Cortex-M4."""
    return toy.make(tmp_path / "bundle")


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH on which nothing is installed."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


@pytest.fixture
def need() -> Callable[[str, str], None]:
    """Skip unless a target's toolchain and emulator are installed."""

    def check(target: str, tool: str) -> None:
        described = targets.load(target)
        if tool in described.emulators:
            config = described.emulators[tool]
            command, package = config.command, config.package
        else:
            command, package = (*described.compilers[tool].command, "")[0], described.compilers[tool].package
        if command and shutil.which(command) is None:
            pytest.skip(f"needs {command}: apt-get install {package}")

    return check
