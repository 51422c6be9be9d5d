"""A ``.tflite`` file through the command: export, verify against LiteRT, and what people get wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.conftest import Cli
from tests.ops.litert_builder import options
from tests.program import tflite_files as files
from tests.program.test_tflite import MODELS, float_network, mlperf
from tests.program.test_tflite_hostile import NETWORK
from tests.program.tflite_files import Node, constant, int8
from toolkit import bundle
from toolkit.program.tflite.file import parse
from toolkit.verify.verify import verify

LITERT = "LiteRT's reference kernels"


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A small int8 file."""
    (tmp_path / "net.tflite").write_bytes(NETWORK)
    return tmp_path / "net.tflite"


@pytest.mark.parametrize("name", MODELS)
def test_mlperf_models_on_this_machine_and_on_an_emulated_core(name: str, tmp_path: Path) -> None:
    path = mlperf(name)
    edges = [x for i, x in enumerate(files.mlperf_inputs(_shape(path), 160)) if i % 4 in (1, 2)]
    manifest = bundle.export(
        path, "cortex-m4", tmp_path / name, golden=np.concatenate(edges), golden_count=len(edges)
    )
    assert (manifest["rounding"], manifest["source"]["format"]) == ("litert", "tflite")
    assert ([t["name"] for t in manifest["inputs"]], manifest["outputs"][0]["name"]) == (
        ["input_1"],
        "Identity",
    )
    result = verify(tmp_path / name, fresh=1000, timeout_s=600)
    assert result.ok, result.first_difference
    assert result.exact
    compared = {c.device: (c.samples, c.differing) for c in result.comparisons}
    assert compared[LITERT] == (1080, 0)
    assert compared["host C"] == (1080, 0)
    assert compared["cortex-m4 under unicorn"] == (1080, 0)


def _shape(path: Path) -> tuple[int, ...]:
    (detail,) = files.LiteRT(path.read_bytes()).interpreter.get_input_details()
    return tuple(int(n) for n in detail["shape"])


def test_rounded_as_another_framework_does(cli: Cli, network: Path, tmp_path: Path) -> None:
    exported = cli("export", network, "-t", "host", "-o", tmp_path / "b", "--rounding", "double", "--json")
    assert exported.document["manifest"]["rounding"] == "double"
    verified = cli("verify", tmp_path / "b", "--json")
    assert verified.code == 0, verified.err
    (told,) = verified.document["information"]
    assert told["device"] == LITERT
    assert LITERT not in [c["device"] for c in verified.document["comparisons"]]
    assert LITERT in cli("verify", tmp_path / "b").out


def test_a_bundle_of_another_file_differs_from_litert(cli: Cli, network: Path, tmp_path: Path) -> None:
    assert cli("export", network, "-t", "host", "-o", tmp_path / "b").code == 0
    kept = tmp_path / "b" / "model.tflite"
    data = kept.read_bytes()
    assert data == NETWORK
    weight = parse(data, "").operators[4].inputs[1]
    assert weight is not None
    assert weight.data is not None
    kept.write_bytes(data.replace(weight.data.tobytes(), (-weight.data).tobytes()))
    verified = cli("verify", tmp_path / "b", "--no-host")
    assert verified.code == 1
    assert f"DIFFERS: {LITERT}" in verified.out


def test_a_damaged_rounding_in_the_manifest(cli: Cli, network: Path, tmp_path: Path) -> None:
    assert cli("export", network, "-t", "host", "-o", tmp_path / "b").code == 0
    manifest = tmp_path / "b" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"rounding": ["up"]}))
    verified = cli("verify", tmp_path / "b")
    assert verified.code == 2
    assert "rounding" in verified.err


def test_a_float_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.tflite").write_bytes(float_network()[0])
    export = ("export", tmp_path / "net.tflite", "-t", "cortex-m4", "-o", tmp_path / "b")
    refused = cli(*export)
    assert refused.code == 2
    assert "--calibration" in refused.err
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(0, 1, (32, 8, 6, 3)).astype(np.float32))
    assert cli(*export, "--calibration", tmp_path / "x.npy").code == 0
    assert cli("verify", tmp_path / "b").code == 0
    np.save(tmp_path / "turned.npy", np.zeros((32, 3, 8, 6), np.float32))
    turned = cli(*export, "--calibration", tmp_path / "turned.npy")
    assert turned.code == 2
    assert "Traceback" not in turned.err
    assert "[8, 6, 3]" in turned.err
    assert cli(*export, "--float").code == 0
    verified = cli("verify", tmp_path / "b", "--json")
    assert verified.code == 0, verified.err
    assert [(told["device"], told["differing"]) for told in verified.document["information"]] == [(LITERT, 0)]


def test_everything_that_cannot_be_compiled_is_listed(cli: Cli, tmp_path: Path) -> None:
    x, a, b, c = (int8(n, (1, 6)) for n in "xabc")
    weight = constant("w", np.ones((6, 6), np.int8), 0.01, zero_point=4)
    dense = Node("FULLY_CONNECTED", [a, weight, None], [b], options("FullyConnected"), 4)
    nodes = [Node("WHERE", [x], [a]), dense, Node("CUMSUM", [b], [c])]
    (tmp_path / "net.tflite").write_bytes(files.write(nodes, [x], [c]))
    refused = cli("export", tmp_path / "net.tflite", "-t", "host", "-o", tmp_path / "b")
    assert refused.code == 2
    for words in (
        "3 operators",
        "WHERE (where_0",
        "zero point other than 0",
        "CUMSUM (cumsum_2",
        "docs/sources.md",
    ):
        assert words in refused.err
    assert not (tmp_path / "b").exists()


def test_without_the_package(cli: Cli, network: Path, tmp_path: Path) -> None:
    assert cli("export", network, "-t", "host", "-o", tmp_path / "b").code == 0
    absent = tmp_path / "path" / "ai_edge_litert"
    absent.mkdir(parents=True)
    (absent / "__init__.py").write_text("raise ImportError('absent')\n")
    refused = cli("export", network, "-t", "host", "-o", tmp_path / "c", PYTHONPATH=str(tmp_path / "path"))
    assert refused.code == 3
    assert 'pip install "edge-toolkit[litert]"' in refused.err
    left_out = cli("verify", tmp_path / "b", PYTHONPATH=str(tmp_path / "path"))
    assert left_out.code == 0, left_out.err
    assert 'pip install "edge-toolkit[litert]"' in left_out.out
