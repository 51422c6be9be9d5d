"""The documentation's worked examples work: their files are written, their commands run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Cli
from tests.e2e.pages import CHECKOUT, Block, blocks, command_lines


class Scratch:
    """A folder where the examples' files lie and their commands run: by ``cli``, or of a copy of the checkout."""

    def __init__(self, folder: Path, toolkit_from: Path, cli: Cli | None = None) -> None:
        self.folder, self.cli = folder, cli
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("TOOLKIT_")},
            "PYTHONPATH": str(toolkit_from),
        }

    def write(self, *blocks: Block) -> None:
        for block in blocks:
            if block.file:
                file = self.folder / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.text, encoding="utf-8")

    def call(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def toolkit(self, words: list[str]) -> str:
        if self.cli is not None:
            done = self.cli(*words, cwd=self.folder)
            assert done.code == 0, f"toolkit {' '.join(words)}\n{done.out}{done.err}"
            return done.out
        return self.call(sys.executable, "-m", "toolkit", *words)


def test_adding_things(tmp_path: Path, cli_of: Callable[[Path, dict[str, str]], Cli | None]) -> None:
    page = CHECKOUT / "docs" / "adding.md"
    for folder in ("toolkit", "quantize", "targets", "runtime", "tests"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(CHECKOUT / "pyproject.toml", tmp_path)
    scratch = Scratch(tmp_path, tmp_path)
    scratch.write(*blocks(page))
    tested = scratch.call(
        sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/ops", "-k",
        "(cumsum or header) and not arm-none",
    )  # fmt: skip
    assert re.search(r"\b\d+ passed", tested)
    scratch.call(sys.executable, "net.py")
    scratch.environment["TOOLKIT_TARGETS"] = str(tmp_path / "boards")
    scratch.cli = cli_of(tmp_path, scratch.environment)
    assert command_lines(page)
    for words in command_lines(page):
        if "sums.pt2" not in words:  # shown to fail before the operator is there
            scratch.toolkit(words)
    assert "tk_cumsum_s8" in scratch.toolkit(["layers", "nucleo"])
    listed = scratch.toolkit(["methods"])
    assert "signsgd" in listed
    assert "bwn" in listed


def test_quick_start(tmp_path: Path, cli: Cli) -> None:
    page = CHECKOUT / "docs" / "quickstart.md"
    scratch = Scratch(tmp_path, CHECKOUT, cli)
    scratch.write(*blocks(page))
    scratch.call(sys.executable, "net.py")
    scratch.call(sys.executable, "float.py")
    for words in command_lines(page):
        if words[0] in ("export", "verify", "bench", "run") and "big.pt2" not in words:
            scratch.toolkit(words)
    for block in blocks(page):
        if block.language == "python" and not block.file:
            (tmp_path / "example.py").write_text(block.text, encoding="utf-8")
            assert "(4, 10) cortex-m4 unicorn" in scratch.call(sys.executable, "example.py")


def test_c_integration(tmp_path: Path, cli: Cli) -> None:
    for program, package in (("cmake", "cmake"), ("cc", "gcc"), ("g++", "g++")):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {package}")
    page = CHECKOUT / "docs" / "c-integration.md"
    scratch = Scratch(tmp_path, CHECKOUT, cli)
    for words in command_lines(page):
        scratch.toolkit(words)
    scratch.write(*blocks(page))
    scratch.call("cmake", "-S", "app", "-B", "app/build", "-DCMAKE_BUILD_TYPE=Release")
    scratch.call("cmake", "--build", "app/build")
    said = scratch.call(str(tmp_path / "app" / "build" / "app"))
    assert re.fullmatch(r"digit \d\n", said)
    # Arduino's and PlatformIO's layout: everything in one folder, no include paths
    flat = tmp_path / "flat"
    shutil.copytree(tmp_path / "app" / "digits" / "runtime", flat)
    for name in ("digits.c", "digits.h"):
        shutil.copy(tmp_path / "app" / "digits" / name, flat)
    scratch.call("cc", "-std=c99", "-O2", "-c", "flat/digits.c", "-o", "digits.o")
    scratch.call("g++", "-x", "c++", "-O2", "-c", "flat/digits.c", "-o", "digits.o")


def test_benchmark_scripts(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path, CHECKOUT)
    script = str(CHECKOUT / "benchmarks" / "mlperf_tiny.py")
    found = json.loads(scratch.call(sys.executable, script, "--model", "anomaly detection", "--json"))
    ours, peer = (found["models"]["anomaly detection"][side] for side in ("toolkit", "tflm_cmsis_nn"))
    assert ours["macs"] == peer["macs"]
    assert ours["instructions"] < peer["instructions"]
    assert ours["arena_bytes"] < peer["arena_bytes"]
