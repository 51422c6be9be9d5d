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


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails is not tried again, which only takes longer."""
    from toolkit.device.flashers import base

    monkeypatch.setattr(base, "ATTEMPTS", 1)


@pytest.fixture
def nothing_plugged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without serial ports and drives; that it has no debug probe must be so."""
    from serial.tools import list_ports

    from toolkit.device import ports

    monkeypatch.setattr(list_ports, "comports", lambda: [])
    monkeypatch.setattr(ports, "mounted", lambda: [])
