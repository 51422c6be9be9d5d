"""``toolkit quantize MODEL.pt2``: from a user's own float program to integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import Cli
from toolkit.program import pt2


@pytest.fixture(scope="module")
def float_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A float net that ``torch.export.save`` wrote, (1, 8, 8) in, 3 out."""
    file = tmp_path_factory.mktemp("float") / "net.pt2"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)
        )
    torch.export.save(torch.export.export(model.eval(), (torch.zeros(1, 1, 8, 8),)), file)
    return file


def _calibration(folder: Path, shape: tuple[int, ...] = (32, 1, 8, 8)) -> Path:
    file = folder / "calibration.npy"
    np.save(file, np.random.default_rng(0).normal(size=shape).astype(np.float32))
    return file


def test_quantizes_after_training(cli: Cli, float_program: Path, tmp_path: Path) -> None:
    samples, output = _calibration(tmp_path), tmp_path / "int8.pt2"
    done = cli("quantize", float_program, "-c", samples, "-o", output, "--json")
    assert done.code == 0, done.err
    assert done.document["samples"] == 32
    quantized, _ = pt2.load(output)
    x = torch.from_numpy(np.load(samples))
    modules = torch.export.load(float_program).module(), quantized.module()
    want, got = (torch.cat([module(one) for one in x.split(1)]) for module in modules)
    assert not torch.equal(got, want)
    assert (got - want).abs().max() < 0.05 * want.abs().max()
    done = cli("export", output, "-t", "cortex-m4", "-o", tmp_path / "bundle", "--json")
    assert done.code == 0, done.err
    assert {layer["weight_type"] for layer in done.document["manifest"]["layers"]} == {"int8"}


def test_quantizes_activations_to_16_bits(cli: Cli, float_program: Path, tmp_path: Path) -> None:
    samples, output = _calibration(tmp_path), tmp_path / "int16.pt2"
    done = cli("quantize", float_program, "-c", samples, "-o", output, "--activations", "int16", "--json")
    assert done.code == 0, done.err
    assert done.document["activations"] == "int16"
    done = cli("export", output, "-t", "cortex-m4", "-o", tmp_path / "bundle", "--json")
    assert done.code == 0, done.err
    assert done.document["manifest"]["inputs"][0]["dtype"] == "int16"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{model}", "-o", "{out}"], "--calibration"),
        (["{model}", "-c", "{samples}"], "-o OUT.pt2"),
        (["{model}", "-c", "{wrong}", "-o", "{out}"], "[1, 8, 8]"),
        (["{model}", "-c", "{missing}", "-o", "{out}"], "does not exist"),
        (["{samples}", "-c", "{samples}", "-o", "{out}"], "calibration.npy"),
        (["{model}", "-c", "{samples}", "-o", "{out}", "--weights", "ternary"], "not ternary"),
        (
            ["{model}", "-c", "{samples}", "-o", "{out}", "--weights", "int4", "--activations", "int16"],
            "int8 weights",
        ),
        (["-o", "{out}"], "MODEL.pt2"),
    ],
)
def test_refuses_plainly(
    arguments: list[str], words: str, cli: Cli, float_program: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    places = {
        "model": float_program,
        "out": tmp_path / "out.pt2",
        "samples": _calibration(tmp_path),
        "wrong": _calibration(tmp_path / "other", (4, 64)),
        "missing": tmp_path / "missing.npy",
    }
    done = cli("quantize", *(argument.format(**places) for argument in arguments))
    assert done.code == 2
    assert words in done.err
    assert "fix: " in done.err
    assert not places["out"].exists()


def test_refuses_a_quantized_program(cli: Cli, tiny_program: Path, tmp_path: Path) -> None:
    done = cli("quantize", tiny_program, "-c", _calibration(tmp_path), "-o", tmp_path / "out.pt2")
    assert done.code == 2
    assert "quantized already" in done.err
    assert not (tmp_path / "out.pt2").exists()
