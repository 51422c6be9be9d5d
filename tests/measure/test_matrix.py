"""Which cells a matrix has, and what makes a cell another one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.device import toy
from toolkit.errors import ToolkitError
from toolkit.measure.matrix.cell import Cell
from toolkit.measure.matrix.read import load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that look like models, and a bundle for a Cortex-M4."""
    (tmp_path / "small.pt2").write_bytes(b"1")
    (tmp_path / "big.tflite").write_bytes(b"2")
    (tmp_path / "notes.txt").write_text("no model")
    toy.make(tmp_path / "made")
    return tmp_path


def _pairs(cells: list[Cell]) -> list[tuple[str, str]]:
    return [(cell.model, cell.target) for cell in cells]


def test_all_models_and_bundles_of_a_folder(folder: Path) -> None:
    cells = load(folder, ["cortex-m4", "pico"])
    assert sorted(_pairs(cells)) == [
        ("big", "cortex-m4"), ("big", "pico"), ("made", "cortex-m4"), ("small", "cortex-m4"), ("small", "pico"),
    ]  # fmt: skip
    with pytest.raises(ToolkitError, match="no target is named"):
        load(folder)
    (folder / "empty").mkdir()
    with pytest.raises(ToolkitError, match="no model and no bundle"):
        load(folder / "empty", ["pico"])


def test_a_file_says_more(folder: Path) -> None:
    (folder / "matrix.toml").write_text("""
        [matrix]
        models = ["*.pt2", "big.tflite", "ma*"]
        targets = ["cortex-m4", "pico"]
        optimize = ["speed", "size"]
        tune = [false]
        toolchain = ["zig", "gcc"]
        leave_out = ["big on pico"]
        [matrix.calibration]
        big = "samples.npy"
    """)
    cells = load(folder)
    assert cells == load(folder / "matrix.toml")
    assert len(cells) == 2 * 2 * 2 + 1 * 2 * 2 + 2  # small on both, big on one, the bundle by two compilers
    assert {cell.calibration for cell in cells if cell.model == "big"} == {folder / "samples.npy"}
    assert {tuple(cell.ways.items()) for cell in cells if cell.model == "made"} == {
        (("toolchain", "zig"),), (("toolchain", "gcc"),),
    }  # fmt: skip
    assert set(_pairs(load(folder, ["host"]))) >= {("small", "host"), ("made", "cortex-m4")}


@pytest.mark.parametrize(
    ("line", "what"),
    [('models = ["nothing*"]', "no model and no bundle is called"), ('models = ["/*"]', "is no pattern"),
     ('models = ["small.pt2"]\noptimise = ["size"]', "optimise is not a key"),
     ('models = ["small.pt2"]\noptimize = ["sped"]', "'sped'"),
     ('models = ["small.pt2"]\ntune = ["yes"]', "true and false"),
     ('models = ["small.pt2"]\nleave_out = ["smal on pico"]', "which is no cell"),
     ('models = ["small.pt2"]\n[matrix.calibration]\nsmal = "x.npy"', "smal is not a key"), ("models = 3", "a list")],
)  # fmt: skip
def test_what_means_nothing_is_said(folder: Path, line: str, what: str) -> None:
    (folder / "matrix.toml").write_text(f"[matrix]\ntargets = ['pico']\n{line}")
    with pytest.raises(ToolkitError, match=what):
        load(folder)


def test_names_differ(folder: Path) -> None:
    (folder / "small.onnx").write_bytes(b"3")
    assert {"small.pt2", "small.onnx", "big"} <= {cell.model for cell in load(folder, ["host"])}


def test_a_key_is_of_all_that_the_result_depends_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell("small", folder / "small.pt2", "cortex-m4", "speed")
    assert cell.key() == replace(cell, model="another name").key() == Cell.from_json(cell.to_json()).key()
    (folder / "samples.npy").write_bytes(b"")
    others = [
        replace(cell, target="cortex-m0plus"),
        replace(cell, optimize="size"),
        replace(cell, tune=True),
        replace(cell, toolchain="gcc"),
        replace(cell, calibration=folder / "samples.npy"),
        replace(cell, path=folder / "big.tflite"),
    ]
    keys = {other.key() for other in [cell, *others]}
    assert len(keys) == 7
    monkeypatch.setattr("toolkit.__version__", "0.0.0")
    assert cell.key() not in keys
    with pytest.raises(ToolkitError, match="there is no model"):
        replace(cell, path=folder / "gone.pt2").key()
    with pytest.raises(ToolkitError, match="no target"):
        replace(cell, target="gone").key()


def test_a_bundle_changes_with_its_files_and_its_test(folder: Path) -> None:
    cell = Cell("made", folder / "made", "cortex-m4")
    keys = [cell.key()]
    (folder / "made" / "build" / "zig").mkdir(parents=True)
    (folder / "made" / "build" / "zig" / "firmware.elf").write_bytes(b"made of the rest")
    assert cell.key() == keys[0]
    with (folder / "made" / "model.c").open("a") as source:
        source.write("\n")
    keys.append(cell.key())
    (folder / "test.json").write_text(json.dumps({"accuracy": 1.0}))
    keys.append(cell.key())
    assert len(set(keys)) == 3


def test_a_model_is_more_than_one_file(folder: Path) -> None:
    """Weights beside an ``.onnx``, by the name it gives them, and the settings beside ``.safetensors``."""
    for name, other in (("net.onnx", "weights.bin"), ("net.safetensors", "config.json")):
        (folder / name).write_bytes(b"reads weights.bin")
        cell, keys = Cell("net", folder / name, "host"), set()
        for content in (b"1", b"2"):
            (folder / other).write_bytes(content)
            (folder / "unrelated").write_bytes(content)
            keys.add(cell.key())
        (folder / "unrelated").write_bytes(b"3")
        assert len(keys | {cell.key()}) == 2


def test_projects_and_the_bundle_itself(folder: Path) -> None:
    (folder / "project").mkdir()
    (folder / "project" / "toolkit.toml").touch()
    assert ("project", "rp2040") not in _pairs(load(folder, ["host"]))
    toy.make(folder / "project" / "build" / "bundle", "rp2040")
    assert ("project", "rp2040") in _pairs(load(folder, ["host"]))
    assert _pairs(load(folder / "project")) == [("project", "rp2040")]
    assert _pairs(load(folder / "made")) == [("made", "cortex-m4")]


def test_time_is_measured_alone() -> None:
    assert Cell("a", Path("a"), "host").timed
    assert not Cell("a", Path("a"), "cortex-m4").timed
