"""The MNIST recipe as a user runs it: a ternary CNN of at least 99.0 % on the device in at most 32 KB of flash."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture
def data_folder() -> Path:
    """Where MNIST lies already; this test downloads nothing."""
    folder = Path(os.environ.get("TOOLKIT_DATA", SHARED))
    if not (folder / "mnist" / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"no MNIST in {folder}: set TOOLKIT_DATA to a filled cache")
    return folder


def test_mnist_ternary_on_the_device(cli: Cli, data_folder: Path, tmp_path: Path) -> None:
    assert cli("init", tmp_path, "--recipe", "mnist-ternary").code == 0
    made = cli("make", "--project", tmp_path, timeout=1500, TOOLKIT_DATA=str(data_folder))
    assert made.code == 0, made.err
    build = tmp_path / "build"
    on_device = json.loads((build / "test.json").read_text())
    assert on_device["samples"] == 10_000
    assert on_device["samples_on_core"] >= 500
    assert on_device["accuracy"] >= 0.99
    bench = json.loads((build / "bench.json").read_text())
    assert bench["memory"]["flash_bytes"] <= 32 * 1024
    manifest = json.loads((build / "bundle" / "manifest.json").read_text())
    assert {layer["weight_type"] for layer in manifest["layers"]} == {"ternary", None}
    assert json.loads((build / "verify.json").read_text())["ok"]
    assert (build / "report.html").is_file()
