"""Call C compilers as strictly as the runtime promises."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from toolkit.device import targets, toolchain
from toolkit.errors import ToolkitError

STRICT = ("-Wall", "-Wextra", "-pedantic", "-Wconversion", "-Wunused-function", "-Wvla", "-Werror")
C99 = ("-std=c99",)
CPP11 = ("-x", "c++", "-std=c++11")
CPP17 = ("-x", "c++", "-std=c++17")


@dataclass(frozen=True)
class Compiler:
    """A compiler's command with its flags for one target, and the environment to call it in."""

    command: tuple[str, ...]
    environment: dict[str, str] = field(repr=False)

    def __call__(self, *arguments: str | Path, cwd: Path | None = None) -> None:
        """Run the compiler; fail the test with what it says when it does not succeed."""
        call([*self.command, *map(str, arguments)], cwd=cwd, environment=self.environment)


def call(
    command: Sequence[str | Path], *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> str:
    """Run a program, fail the test with what it says when it fails, and return its standard output."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{command[0]} exits with {done.returncode}:\n{done.stdout}{done.stderr}"[
        :6000
    ]
    return done.stdout


def compiler(target: str, name: str) -> Compiler:
    """Return the compiler ``name`` for ``target``; skip the test with the line that installs it."""
    try:
        found = toolchain.find(targets.load(target), name)
    except ToolkitError as error:
        pytest.skip(f"{error.what}: {error.fix}")
    return Compiler(found.command, found.environment)
