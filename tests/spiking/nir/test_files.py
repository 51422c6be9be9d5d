"""NIR files of other platforms, without v_reset, dt or reset: loaded, run, compiled, against the equations in numpy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nir as package
import numpy as np
import pytest

from tests.conftest import Cli
from tests.spiking.nir.reference import simulate
from tests.spiking.nir.test_nodes import ran
from toolkit.spiking import nir

FOLDER = (
    Path(os.environ.get("TOOLKIT_DATA", Path(__file__).parents[4] / "shared" / "data")).parent
    / "models"
    / "nir"
)
# One neuron of Norse (dt 1 ms, Euler); a network of sinabs (a step is 1, reset by subtraction), 49,000 weights.
FILES: dict[str, tuple[dict[str, Any], int]] = {
    "lif_norse": ({"dt": 1e-3, "discretisation": "euler", "reset": "zero"}, 100),
    "cnn_sinabs": ({"dt": 1.0, "reset": "subtract"}, 8),
}


def _file(name: str) -> Path:
    file = FOLDER / f"{name}.nir"
    if not file.exists():
        pytest.skip(f"{file} is not there; TOOLKIT_DATA names the folder data beside models")
    return file


def _input(name: str, steps: int) -> np.ndarray:
    shape = tuple(package.read(_file(name)).nodes["input"].input_type["input"])
    return (np.random.default_rng(0).random((steps, *shape)) < 0.3).astype(np.float32)


@pytest.mark.parametrize("name", FILES)
def test_a_file_follows_its_equations(name: str, cli: Cli, tmp_path: Path) -> None:
    given, steps = FILES[name]
    x, graph = _input(name, steps), package.read(_file(name))
    ordered = ["input", *sorted((key for key in graph.nodes if key.isdigit()), key=int), "output"]
    graph.nodes = {key: graph.nodes[key] for key in ordered}
    wanted = simulate(graph, x, **given)
    assert 0 < wanted.sum() < wanted.size  # some spikes
    np.testing.assert_array_equal(ran(nir.load(_file(name), nir.Settings(**given)), x), wanted)
    np.save(tmp_path / "x.npy", x)
    flags = [part for key, value in given.items() for part in (f"--{key}", value)]
    golden = ["--golden", tmp_path / "x.npy", "--golden-count", steps]
    done = cli("export", _file(name), "-t", "cortex-m4", "-o", tmp_path / "net", *flags, *golden)
    assert done.code == 0, done.err
    found = np.load(tmp_path / "net" / "golden" / "output_0.npy")
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)
    assert (tmp_path / "net" / "model.nir").read_bytes() == _file(name).read_bytes()
    done = cli("verify", tmp_path / "net", "--json")
    assert done.code == 0, done.out


def test_a_file_in_integers(cli: Cli, tmp_path: Path) -> None:
    """Steps in a row to calibrate with: int8 weights, potentials in int16, layers that follow spikes."""
    x = _input("cnn_sinabs", 40)
    np.save(tmp_path / "x.npy", x)
    settings = ["--dt", 1, "--reset", "subtract", "--calibration", tmp_path / "x.npy"]
    golden = ["--golden", tmp_path / "x.npy", "--golden-count", len(x)]
    done = cli(
        "export", _file("cnn_sinabs"), "-t", "cortex-m4", "-o", tmp_path / "net", *settings, *golden, "--json"
    )
    assert done.code == 0, done.err
    kernels = {layer["kernel"] for layer in done.document["manifest"]["layers"]}
    assert "tk_integrate_s16_dsp" in kernels
    assert any("events" in kernel for kernel in kernels)
    wanted = ran(nir.load(_file("cnn_sinabs"), nir.Settings(1.0, reset="subtract")), x)
    found = np.load(tmp_path / "net" / "golden" / "output_0.npy").reshape(wanted.shape)
    assert float((found != wanted).mean()) < 0.15
    assert found.sum(0).argmax() == wanted.sum(0).argmax()
    done = cli("verify", tmp_path / "net", "--json")
    assert done.code == 0, done.out


def test_a_file_without_flags_is_refused(cli: Cli, tmp_path: Path) -> None:
    done = cli("export", _file("lif_norse"), "-t", "cortex-m4", "-o", tmp_path / "net")
    assert done.code == 2
    assert "nothing says the dt of 1; the discretisation of 1; the reset of 1" in done.err
    assert "Norse: 1e-3, euler, zero" in " ".join(done.err.split())
    assert not (tmp_path / "net").exists()


def test_flags_are_for_nir_files_only(cli: Cli, tiny_program: Path, tmp_path: Path) -> None:
    done = cli("export", tiny_program, "-t", "cortex-m4", "-o", tmp_path / "net", "--dt", "1e-3")
    assert done.code == 2
    assert "only a .nir file takes --dt" in done.err
    done = cli("export", _file("lif_norse"), "-t", "cortex-m4", "-o", tmp_path / "net", "--dt", "0")
    assert done.code == 2
    assert "a time step of 0.0 s" in done.err
