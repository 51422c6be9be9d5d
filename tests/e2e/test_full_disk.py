"""A disk that takes no more: a clear error, and no half-written output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.test_make import write

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot limit the size of files")

# A limit on the size of files fails in the same place as a full disk: in the middle of a write.
LIMITED = (
    "import resource, signal, sys\n"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    "from toolkit.cli import main\n"
    "main(sys.argv[1:])\n"
)


def limited(*args: object) -> subprocess.CompletedProcess[str]:
    """Run ``toolkit ARGS`` where no file can grow beyond 2,000 bytes."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, *map(str, args)], capture_output=True, text=True, check=False
    )


def files(folder: Path) -> list[str]:
    """Return every file below ``folder``."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def says_so(done: subprocess.CompletedProcess[str]) -> bool:
    """True when the error is one a person can act on."""
    return (
        done.returncode == 2
        and "error: cannot write" in done.stderr
        and "fix: free some space" in done.stderr
    )


def test_init(tmp_path: Path) -> None:
    done = limited("init", tmp_path / "new", "--recipe", "digits-ternary")
    assert says_so(done), done.stderr
    assert files(tmp_path) == []


def test_train(tmp_path: Path) -> None:
    settings = write(tmp_path / "p")
    done = limited("train", "--project", settings.root)
    assert says_so(done), done.stderr
    assert set(files(tmp_path)) <= {"p/toolkit.toml", "p/build/.lock"}


def test_export(tiny_program: Path, tmp_path: Path) -> None:
    done = limited("export", tiny_program, "-t", "mps2-an386", "-o", tmp_path / "bundle")
    assert says_so(done), done.stderr
    assert files(tmp_path) == []
