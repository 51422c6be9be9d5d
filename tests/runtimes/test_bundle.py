"""Bundles for computers and phones: every file runs in its own runtime and agrees with the reference."""

from __future__ import annotations

import copy
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Cli
from toolkit import bundle
from toolkit.errors import CHECK_FAILED, USAGE, ToolkitError
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.runtimes import bundle as bundles
from toolkit.runtimes.kind import Kind, Made, kinds


def pooling(file: Path) -> Path:
    """Save an int8 net with an average pool, whose halves runtimes round in their own ways: (1, 8, 8) in, 3 out."""
    import torch
    from torch import nn

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 3))
        model = nn.Sequential(*layers).eval()
    x = np.random.default_rng(0).normal(size=(24, 1, 8, 8)).astype(np.float32)
    pt2.save(quantize_ptq(model, x), file, {})
    return file


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A bundle for a PC with all that runs there, and its manifest."""
    folder = tmp_path_factory.mktemp("bundles")
    manifest = bundle.export(
        pooling(folder / "net.pt2"), "linux-x86", folder / "pc", formats=None, golden_count=64
    )
    return folder / "pc", manifest


def test_every_file_runs_and_agrees_with_the_reference(made: tuple[Path, dict[str, Any]]) -> None:
    folder, manifest = made
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8")) == manifest
    found = {entry["file"]: entry for entry in manifest["runtimes"]["files"]}
    assert set(found) == {
        "model.c",
        *(f"models/{name}.pte" for name in ("int8", "float32", "int4-dynamic")),
        *(f"models/{name}.tflite" for name in ("int8", "int16", "float32")),
        *(f"models/{name}.onnx" for name in ("int8", "float32")),
    }
    assert manifest["runtimes"]["left_out"] == []
    for file, entry in found.items():
        assert entry["run_here"], file
        assert entry["values"] == 64 * 3
        assert entry["largest"] <= entry["bound"]
        assert entry["bound_from"]
        if file != "model.c":
            assert entry["bytes"] == (folder / file).stat().st_size
        if entry["numbers"] == "int8":
            assert entry["largest"] <= 1
            assert entry["same_class"] == 64 if file != "model.c" else entry["differing"] == 0
    for name in (
        "int8.pte",
        "int8.onnx",
    ):  # they sum in integers and scale in float32: nothing is left to chance
        assert found[f"models/{name}"]["differing_from_torch"] == 0
        assert found[f"models/{name}"]["largest_from_torch"] < 0.01
    assert found["models/int8.pte"]["not_delegated"] == []
    assert found["models/int8.tflite"]["not_delegated"] == ["AVERAGE_POOL_2D"]
    assert "CONV_2D" in found["models/int16.tflite"]["not_delegated"]
    assert found["models/float32.tflite"]["not_delegated"] == []
    assert found["models/int8.pte"]["differing"] <= 2  # of 192; were halves rounded to even, 40 and more
    assert found["models/int8.onnx"]["differing"] <= 2


def run_py(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a bundle's own program as on a device: nothing of the toolkit can be imported."""
    return subprocess.run(
        [sys.executable, "-S", "-c", _ALONE, str(folder / "run.py"), *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


_ALONE = """
import runpy, site, sys
site.main()
sys.modules["toolkit"] = sys.modules["quantize"] = None
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_run_py_stands_alone(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "pc"
    shutil.copytree(made[0], folder)
    done = run_py(folder, "--runtime", "onnx", "--time", "5")
    assert done.returncode == 0, done.stderr
    assert "models/int8.onnx (onnx)" in done.stdout
    assert "(5 runs, measured)" in done.stdout
    x = np.random.default_rng(3).normal(size=(2, 1, 8, 8)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    answers = {}
    for runtime in ("c", "litert"):
        output = tmp_path / f"{runtime}.npy"
        done = run_py(
            folder, "--runtime", runtime, "--input", tmp_path / "x.npy", "--output", output, "--json"
        )
        assert done.returncode == 0, done.stderr
        (result,) = json.loads(done.stdout)["results"]
        assert result["runtime"] == runtime
        answers[runtime] = np.load(output)
    assert answers["c"].shape == (2, 3)
    assert np.array_equal(answers["c"], answers["litert"])
    golden = folder / made[1]["runtimes"]["files"][0]["golden"][0]
    np.save(golden, np.load(golden) + 1)
    differs = run_py(folder, "--runtime", "c")
    assert differs.returncode == CHECK_FAILED
    assert "DIFFERS" in differs.stdout
    (folder / "models" / "int8.onnx").unlink()
    absent = run_py(folder, "--file", "models/int8.onnx")
    assert absent.returncode == 3
    assert "models/int8.onnx needs" in absent.stderr


def test_the_runner_gives_the_golden_outputs(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder = tmp_path / "pc"
    shutil.copytree(made[0], folder)
    build = tmp_path / "build"
    (executorch,) = importlib.util.find_spec("executorch").submodule_search_locations  # type: ignore[union-attr,misc]
    where = f"-DCMAKE_PREFIX_PATH={executorch}"
    for command in (["-S", folder / "runner", "-B", build, where], ["--build", build]):
        done = subprocess.run(["cmake", *map(str, command)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    (tmp_path / "input.bin").write_bytes(np.load(folder / "golden" / "input_0.npy").tobytes())
    subprocess.run([build / "runner", "7"], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "output.bin").read_bytes() == np.load(folder / "golden" / "output_0.npy").tobytes()
    assert len((tmp_path / "times.txt").read_text().split()) == 7
    (tmp_path / "input.bin").write_bytes((tmp_path / "input.bin").read_bytes() + b"x")
    longer = subprocess.run([build / "runner", "0"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert longer.returncode == 1
    assert "64 samples and 1 bytes of another one" in longer.stderr
    np.load(folder / "golden" / "real_0.npy").tofile(tmp_path / "real.bin")
    words = [folder / "models" / "int8.pte", "real.bin", "made.bin", "7"]
    done = subprocess.run(
        [build / "executorch_runner", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert "of 7 runs, measured" in done.stdout, done.stderr
    entry = next(entry for entry in made[1]["runtimes"]["files"] if entry["file"] == "models/int8.pte")
    apart = np.fromfile(tmp_path / "made.bin", np.float32).reshape(-1, 3) - np.load(
        folder / entry["golden"][0]
    )
    assert np.abs(apart).max() <= 1.001 * entry["units"][0]


def test_another_net_in_a_file_fails_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def other(program: Any, path: Path, backend: str) -> Any:
        module = copy.deepcopy(program.module())
        with torch.no_grad():
            next(module.buffers()).add_(7)
        (kind,) = (each for each in kinds("onnx") if each.numbers == "float32")
        return kind.write(torch.export.export(module, (torch.zeros(1, 1, 8, 8),)), path, backend)

    monkeypatch.setattr(
        bundles, "kinds", lambda name: [Kind("onnx", "cpu", "float32", "x.onnx", ("onnx",), other)]
    )
    with pytest.raises(ToolkitError, match="computes something else than the model") as caught:
        bundle.export(pooling(tmp_path / "net.pt2"), "linux-x86", tmp_path / "pc", formats=["onnx"])
    assert caught.value.exit_code == CHECK_FAILED
    assert not (tmp_path / "pc").exists()


def test_a_file_that_its_runtime_refuses_is_left_out_unless_asked_for(
    tiny_program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(program: Any, path: Path, backend: str) -> Made:
        path.write_bytes(b"no model")
        return Made()

    kind = Kind("onnx", "cpu", "float32", "x.onnx", ("onnx",), damaged)
    monkeypatch.setattr(bundles, "kinds", lambda name: [kind] if name == "onnx" else [])
    manifest = bundle.export(tiny_program, "linux-x86", tmp_path / "pc", formats=None)
    assert [entry["file"] for entry in manifest["runtimes"]["files"]] == ["model.c"]
    (left,) = manifest["runtimes"]["left_out"]
    assert left["file"] == "models/x.onnx"
    assert "cannot run them" in left["why"]
    assert not (tmp_path / "pc" / "models" / "x.onnx").exists()
    with pytest.raises(ToolkitError, match="cannot run them"):
        bundle.export(tiny_program, "linux-x86", tmp_path / "asked", formats=["onnx"])


def test_what_cannot_run_here_is_never_called_right(tiny_program: Path, tmp_path: Path) -> None:
    manifest = bundle.export(tiny_program, "mps3-an547-u55", tmp_path / "npu", formats=["ethos-u"])
    (entry,) = manifest["runtimes"]["files"]
    assert entry["file"] == "models/int8-ethos-u55-128.tflite"
    assert (entry["run_here"], entry["not_run_here"]) == (False, "nothing here emulates an Ethos-U")
    assert "largest" not in entry
    assert entry["not_delegated"] == []
    assert not (tmp_path / "npu" / "model.c").exists()
    assert not (tmp_path / "npu" / "run.py").exists()


@pytest.mark.parametrize("backend", ["vulkan", "coreml"])
def test_other_backends_of_executorch(backend: str, tmp_path: Path) -> None:
    import torch
    from torch import nn

    program = torch.export.export(nn.Sequential(nn.Linear(32, 4), nn.ReLU()), (torch.zeros(1, 32),))
    (kind,) = (each for each in kinds("executorch") if each.backend == backend)
    made = kind.write(program, tmp_path / kind.name, backend)
    assert kind.not_run
    assert made.not_delegated == []
    named = {"vulkan": b"VulkanBackend", "coreml": b"CoreMLBackend"}[backend]
    assert named in (tmp_path / kind.name).read_bytes()


def test_format_narrows_a_bundle(cli: Cli, tiny_program: Path, tmp_path: Path) -> None:
    plain = cli("export", tiny_program, "--target", "rpi", "--format", "c", "-o", tmp_path / "c")
    assert plain.code == 0, plain.err
    assert not (tmp_path / "c" / "models").exists()
    assert "runtimes" not in json.loads((tmp_path / "c" / "manifest.json").read_text(encoding="utf-8"))
    words = ["--target", "rpi", "--format", "litert", "-o", "one", "--json"]
    one = cli("export", tiny_program, *words, cwd=tmp_path)
    assert one.code == 0, one.err
    files = one.document["manifest"]["runtimes"]["files"]
    assert {entry["runtime"] for entry in files} == {"litert"}
    none = cli("build", tmp_path / "one")
    assert none.code == USAGE
    assert "has no C" in none.err
    wrong = cli("export", tiny_program, "-t", "rpi-zero", "--format", "onnx", "-o", tmp_path / "x")
    assert wrong.code == USAGE
    assert "nothing on rpi-zero reads --format onnx" in wrong.err
