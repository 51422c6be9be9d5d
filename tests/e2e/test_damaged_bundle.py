"""A bundle that somebody changed: verify finds it and names the place, and nothing in it can crash the toolkit."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import Cli
from toolkit import bundle as bundles
from toolkit import manifest as manifests
from toolkit.errors import ToolkitError
from toolkit.golden import fresh_inputs, golden_samples
from toolkit.infer import infer
from toolkit.measure.bench import bench
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.report import page
from toolkit.report.of_bundle import of_bundle
from toolkit.verify.verify import verify

MISSING = object()
STRANGE = [MISSING, None, "x", "../../etc/passwd", -1, 1.5, 10**30, True, [], {}, [[]]]


@pytest.fixture(scope="module")
def three_layers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of three fully connected layers for a Cortex-M4."""
    folder = tmp_path_factory.mktemp("damaged")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = (nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 7), nn.ReLU(), nn.Linear(7, 5))
        model = nn.Sequential(*layers).eval()
    x = np.random.default_rng(0).normal(size=(64, 12)).astype(np.float32)
    pt2.save(quantize_ptq(model, x), folder / "net.pt2")
    bundles.export(folder / "net.pt2", "cortex-m4", folder / "bundle", golden=x)
    assert verify(folder / "bundle").ok
    return folder / "bundle"


@pytest.fixture
def damaged(three_layers: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, built, to do harm to."""
    return shutil.copytree(three_layers, tmp_path / "bundle")


def _manifest(bundle: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    return manifest


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_altered_weights_are_found_and_their_layer_named(layer: int, damaged: Path) -> None:
    source = damaged / "model.c"
    text = source.read_text(encoding="utf-8")
    arrays = list(re.finditer(r"_weight\[\d+\] TK_WEIGHTS = \{\s*", text))
    assert len(arrays) == 3
    begin = arrays[layer].end()
    end = text.index(",", begin)
    source.write_text(f"{text[:begin]}0x7f7f7f7fu{text[end:]}", encoding="utf-8")
    first = verify(damaged).first_difference
    assert first is not None
    name = _manifest(damaged)["layers"][layer]["name"]
    assert first.layer == f"{name} (fully_connected, layer {layer})"
    assert first.expected != first.got


def test_a_kernel_that_rounds_differently_is_found(three_layers: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "portable"
    bundles.export(three_layers / "model.pt2", "cortex-m4", damaged, optimize="size")
    header = damaged / "runtime" / "tk.h"
    text = header.read_text(encoding="utf-8")
    right = "(product + ((int64_t)1 << (shift - 1))) >> shift"
    half = "const int32_t half = (int32_t)1 << (shift - 33);"
    assert right in text
    assert half in text
    header.write_text(text.replace(half, "const int32_t half = 0;"), encoding="utf-8")
    first = verify(damaged).first_difference
    assert first is not None
    assert abs(first.expected - first.got) == 1


def test_altered_golden_outputs_are_found(damaged: Path, cli: Cli) -> None:
    file = damaged / "golden" / "output_0.npy"
    golden = np.load(file)
    golden[3, 2] ^= 1
    np.save(file, golden)
    done = cli("verify", damaged, "--json")
    assert done.code == 1
    first = done.document["first_difference"]
    assert first["device"] == "golden data in the bundle"
    assert (first["sample"], first["index"]) == (3, 2)
    assert [entry["differing"] for entry in done.document["comparisons"]] == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("file", "array"),
    [
        ("input_0", np.zeros((16, 13), np.int8)),
        ("input_0", np.zeros((16, 12), np.float32)),
        ("input_0", np.zeros((0, 12), np.int8)),
        ("input_0", np.zeros((5, 12), np.int8)),
        ("output_0", np.zeros((17, 5), np.int8)),
        ("output_0", np.zeros(5, np.int8)),
        ("output_0", np.array(0, np.int8)),
    ],
)
def test_golden_data_of_another_shape_is_refused(file: str, array: np.ndarray, damaged: Path) -> None:
    np.save(damaged / "golden" / f"{file}.npy", array)
    with pytest.raises(ToolkitError, match="golden data") as error:
        verify(damaged)
    assert error.value.fix


@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY", b"\x80\x04N."])
def test_a_damaged_golden_file_is_refused(content: bytes | None, damaged: Path, cli: Cli) -> None:
    file = damaged / "golden" / "input_0.npy"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    done = cli("verify", damaged)
    assert done.code == 2
    assert "input_0.npy" in done.err


@pytest.mark.parametrize("file", ["manifest.json", "model.c", "model.h", "model.pt2", "runtime/tk.h"])
def test_a_missing_file_is_named(file: str, damaged: Path, cli: Cli) -> None:
    (damaged / file).unlink()
    done = cli("verify", damaged)
    assert done.code in (1, 2)
    assert Path(file).name in done.err
    assert "Traceback" not in done.err


def test_another_program_is_refused(damaged: Path, tiny_program: Path, cli: Cli) -> None:
    shutil.copy(tiny_program, damaged / "model.pt2")
    done = cli("verify", damaged)
    assert done.code == 2
    assert "not the program this bundle was made of" in done.err


# --- the manifest: every entry missing or strange


def _places(node: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    entries = (
        node.items() if isinstance(node, dict) else enumerate(node[:1]) if isinstance(node, list) else ()
    )
    for key, value in entries:
        yield (*place, key)
        yield from _places(value, (*place, key))


def _changed(document: dict[str, Any], place: tuple[Any, ...], value: object) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    node: Any = changed
    for key in place[:-1]:
        node = node[key]
    if value is MISSING:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return changed


PARTS = ["name", "kernels", "inputs", "outputs", "source", "layers", "golden", "sizes", "memory_plan", "info"]


@pytest.mark.parametrize("part", PARTS)
def test_a_strange_manifest_is_refused_or_harmless(part: str, three_layers: Path, tmp_path: Path) -> None:
    """Nothing but a ToolkitError that says where, whatever stands in the manifest."""
    good = _manifest(three_layers)
    measured = bench(three_layers).to_json(), verify(three_layers, host=False).to_json()
    shutil.copytree(three_layers / "golden", tmp_path / "golden")
    errors = []
    for place in _places({part: good[part]}):
        for value in STRANGE:
            changed = _changed(good, place, value)
            (tmp_path / "manifest.json").write_text(json.dumps(changed), encoding="utf-8")
            try:
                manifest = manifests.read(
                    tmp_path, "source", "layers", "golden", "sizes", "memory_plan", "info"
                )
                golden_samples(tmp_path, manifest)
                fresh_inputs(manifest, 1, 0)
                page.render(of_bundle(tmp_path, *measured))
            except ToolkitError as error:
                errors.append(error)
    texts = sum(isinstance(value, str) for value in STRANGE)
    least = {
        "name": len(STRANGE) - texts,
        "kernels": len(STRANGE) - texts,
        "info": 8,
    }  # others have many entries
    assert len(errors) >= least.get(part, len(STRANGE))
    assert [str(error) for error in errors if part.rstrip("s") not in str(error) or not error.fix] == []


@pytest.mark.parametrize(
    "place",
    [("target",), ("prefix",), ("schema",), ("inputs", 0, "dtype"), ("outputs", 0, "bytes"), ("layers",), ("info",),
     ("kernels",), ("optimize",)],
)  # fmt: skip
def test_a_strange_manifest_crashes_no_function(place: tuple[Any, ...], damaged: Path) -> None:
    good = _manifest(damaged)
    x = np.zeros((1, 12), np.float32)
    for value in STRANGE:
        changed = _changed(good, place, value)
        (damaged / "manifest.json").write_text(json.dumps(changed), encoding="utf-8")
        for function in (
            lambda: infer(damaged, [x]),
            lambda: verify(damaged, host=False),
            lambda: bench(damaged),
        ):
            with suppress(ToolkitError):
                function()
