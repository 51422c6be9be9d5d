"""A disk that takes no more: a clear error, and no half-written output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.e2e.test_make import write
from toolkit import bundle
from toolkit.device.build import build

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows cannot limit the size of files")

# A limit on the size of files fails in the same place as a full disk: in the middle of a write.
LIMITED = (
    "import resource, signal, sys\n"
    "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    "most = int(sys.argv.pop(1))\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
    "from toolkit.cli import main\n"
    "main(sys.argv[1:])\n"
)


def limited(*args: object, most_bytes: int = 2000) -> subprocess.CompletedProcess[str]:
    """Run ``toolkit ARGS`` where no file can grow beyond ``most_bytes``."""
    return subprocess.run(
        [sys.executable, "-c", LIMITED, str(most_bytes), *map(str, args)],
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> list[str]:
    """Return every file below ``folder``."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def says_so(done: subprocess.CompletedProcess[str]) -> bool:
    """True when the error is one a person can act on."""
    return (
        done.returncode == 2
        and "error: cannot write " in done.stderr
        and "fix: free some space" in done.stderr
    )


def test_init(tmp_path: Path) -> None:
    done = limited("init", tmp_path / "new" / "project", "--recipe", "digits-ternary")
    assert says_so(done), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_train(tmp_path: Path) -> None:
    settings = write(tmp_path / "p")
    done = limited("train", "--project", settings.root)
    assert says_so(done), done.stderr
    assert set(files(tmp_path)) <= {"p/toolkit.toml", "p/build/.lock"}


def test_export(tiny_program: Path, tmp_path: Path) -> None:
    done = limited("export", tiny_program, "-t", "mps2-an386", "-o", tmp_path / "bundle")
    assert says_so(done), done.stderr
    assert files(tmp_path) == []


def test_quantize(tmp_path: Path) -> None:
    net = torch.nn.Linear(40, 40).eval()
    torch.export.save(torch.export.export(net, (torch.zeros(1, 40),)), tmp_path / "net.pt2")
    np.save(tmp_path / "x.npy", np.ones((4, 40), np.float32))
    before = files(tmp_path)
    done = limited("quantize", tmp_path / "net.pt2", "-c", tmp_path / "x.npy", "-o", tmp_path / "out.pt2")
    assert says_so(done), done.stderr
    assert files(tmp_path) == before


@pytest.mark.parametrize("most_bytes", [2000, 20_000], ids=["while writing", "while linking"])
def test_build(most_bytes: int, tiny_program: Path, tmp_path: Path) -> None:
    bundle.export(tiny_program, "mps2-an386", tmp_path / "bundle")
    before = files(tmp_path)
    done = limited("build", tmp_path / "bundle", most_bytes=most_bytes)
    assert says_so(done), done.stderr
    assert files(tmp_path) == before


def test_run(tiny_program: Path, tmp_path: Path) -> None:
    bundle.export(tiny_program, "mps2-an386", tmp_path / "bundle")
    build(tmp_path / "bundle")
    np.save(tmp_path / "x.npy", np.zeros((400, 1, 8, 8), np.float32))
    before = files(tmp_path)
    done = limited("run", tmp_path / "bundle", "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    assert says_so(done), done.stderr
    assert files(tmp_path) == before
