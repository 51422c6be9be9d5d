"""The contract that other tools rely on: export, build, run, verify, bench and report on a bundle."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.conftest import Cli


@pytest.fixture(scope="module")
def bundle(cli: Cli, tiny_program: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle for an emulated Cortex-M4, exported and built by the command line."""
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    done = cli("export", tiny_program, "--target", "mps2-an386", "-o", folder, "--json")
    assert done.code == 0, done.err
    assert done.document["manifest"]["name"] == "tiny"
    assert done.document["manifest"]["info"]["classes"] == ["a", "b", "c"]
    built = cli("build", folder, "--json").document
    assert Path(built["image"]).is_file()
    assert built["flash_bytes"] > 0
    return folder


@pytest.fixture
def x() -> np.ndarray:
    """Five samples in torch's layout."""
    return np.random.default_rng(3).normal(size=(5, 1, 8, 8)).astype(np.float32)


def save(path: Path, array: np.ndarray) -> Path:
    """Write ``array`` and return ``path``."""
    np.save(path, array)
    return path


def test_build_writes_what_the_board_takes(cli: Cli, bundle: Path) -> None:
    built = cli("build", bundle, "--serial", "--json").document
    assert list(built["files"]) == ["elf", "hex", "bin"]
    assert built["files"]["elf"] == built["image"]
    assert Path(built["files"]["bin"]).stat().st_size >= built["flash_bytes"] - 16
    said = cli("build", bundle, "--serial")
    assert "firmware.hex" in said.out
    assert "next: toolkit flash" in said.err


def test_run_answers_like_the_reference(cli: Cli, bundle: Path, x: np.ndarray, tmp_path: Path) -> None:
    from toolkit import tensors
    from toolkit.lower import reference
    from toolkit.lower.passes import lower
    from toolkit.program import pt2

    file = save(tmp_path / "x.npy", x)
    done = cli("run", bundle, "--input", file, "--output", tmp_path / "y.npy", "--json")
    assert done.code == 0, done.err
    assert (done.document["samples"], done.document["emulator"]) == (5, "unicorn")
    assert cli("run", bundle, "-i", file, "-o", tmp_path / "raw.npy", "--raw").code == 0
    manifest = json.loads((bundle / "manifest.json").read_text())
    model = lower(pt2.load(bundle / "model.pt2")[0])
    device = tensors.to_device(manifest["inputs"][0], x)
    expected = np.concatenate([reference.run(model, [device[i : i + 1]])[0] for i in range(5)])
    raw, real = np.load(tmp_path / "raw.npy"), np.load(tmp_path / "y.npy")
    np.testing.assert_array_equal(raw, expected)
    out = manifest["outputs"][0]
    assert real.dtype == np.float32
    np.testing.assert_allclose(
        real, (expected.astype(np.float32) - out["zero_point"]) * out["scale"], rtol=1e-6
    )


def test_run_takes_integers_already_quantized(cli: Cli, bundle: Path, x: np.ndarray, tmp_path: Path) -> None:
    scale, zero = (
        json.loads((bundle / "manifest.json").read_text())["inputs"][0][k] for k in ("scale", "zero_point")
    )
    codes = np.clip(np.rint(x * np.float32(1.0 / scale)) + zero, -128, 127).astype(np.int8)
    for name, array in (("float", x), ("codes", codes)):
        file = save(tmp_path / f"{name}.npy", array)
        assert cli("run", bundle, "-i", file, "-o", tmp_path / f"{name}.out.npy", "--raw").code == 0
    np.testing.assert_array_equal(np.load(tmp_path / "float.out.npy"), np.load(tmp_path / "codes.out.npy"))


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((5, 8, 8, 2), np.float32), ["(n, 1, 8, 8)", "(5, 8, 8, 2)"]),
        (np.full((1, 1, 8, 8), 1000), ["-128..127"]),
        (np.full((1, 1, 8, 8), np.nan, np.float32), ["NaN"]),
        (np.zeros((1, 1, 8, 8), np.complex64), ["numbers"]),
        (np.zeros((0, 1, 8, 8), np.float32), ["no sample"]),
    ],
)
def test_run_refuses_wrong_arrays(
    cli: Cli, bundle: Path, tmp_path: Path, array: np.ndarray, words: list[str]
) -> None:
    file = save(tmp_path / "x.npy", array)
    done = cli("run", bundle, "-i", file, "-o", tmp_path / "y.npy")
    assert done.code == 2
    assert "error: " in done.err
    assert "fix: " in done.err
    for word in words:
        assert word in done.err
    assert sorted(tmp_path.iterdir()) == [file]


class Bomb:
    """Makes the file ``path`` when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, (f"open({str(self.path)!r}, 'w')",)


@pytest.mark.parametrize("kind", ["pickled", "garbage", "cut", "missing"])
def test_run_refuses_files_that_are_no_arrays(cli: Cli, bundle: Path, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.npy"
    if kind == "pickled":
        np.save(file, np.array([Bomb(tmp_path / "bomb")], object), allow_pickle=True)
    elif kind == "garbage":
        file.write_bytes(pickle.dumps(Bomb(tmp_path / "bomb")))
    elif kind == "cut":
        file.write_bytes(save(tmp_path / "whole.npy", np.zeros((1, 1, 8, 8), np.float32)).read_bytes()[:-9])
    done = cli("run", bundle, "-i", file, "-o", tmp_path / "y.npy")
    assert done.code == 2
    assert "x.npy" in done.err
    assert not (tmp_path / "bomb").exists()
    assert not (tmp_path / "y.npy").exists()


def test_verify_is_ok(cli: Cli, bundle: Path) -> None:
    done = cli("verify", bundle, "--fresh", "3", "--json")
    assert done.code == 0
    assert done.document["ok"] is True
    assert done.document["first_difference"] is None


def test_verify_names_the_first_layer_that_differs(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    shutil.copytree(bundle, wrong)
    source = wrong / "model.c"
    text = source.read_text()
    first = text.index("TK_WEIGHTS = {")
    where = text.index("TK_WEIGHTS = {", first + 1) if text.count("TK_WEIGHTS = {") > 1 else first
    digits = text.index("{", where) + 1
    while not text[digits].isdigit():
        digits += 1
    source.write_text(text[:digits] + str(9 - int(text[digits])) + text[digits + 1 :])
    done = cli("verify", wrong, "--fresh", "8", "--json")
    assert done.code == 1
    assert done.document["ok"] is False
    assert done.document["first_difference"]["layer"]
    human = cli("verify", wrong, "--fresh", "8")
    assert human.code == 1
    assert "DIFFERS" in human.out
    assert cli("report", wrong).code == 1
    assert "The device differs from the reference" in (wrong / "report.html").read_text(encoding="utf-8")
    assert "first layer that differs" in human.out


def test_bench_counts_exactly(cli: Cli, bundle: Path) -> None:
    one, two = (cli("bench", bundle, "--json").document for _ in range(2))
    assert one["instructions"] == two["instructions"]
    assert one["instructions"]["kind"] == "counted"
    assert one["cycles"]["kind"] == one["latency_us"]["kind"] == "estimated"
    counted = sum(layer["instructions"] for layer in one["layers"]) + one["outside_layers"]
    assert counted == one["instructions"]["value"]
    assert one["memory"]["flash_bytes"] == one["memory"]["code_bytes"] + one["memory"]["weight_bytes"]


def test_bench_table_labels_every_figure(cli: Cli, bundle: Path) -> None:
    lines = cli("bench", bundle).out.splitlines()
    totals = [line for line in lines if line.split() and line.split()[0] in {"Instructions", "Cycles", "Latency",
                                                                             "Flash", "RAM"}]  # fmt: skip
    assert len(totals) == 5
    assert all(any(kind in line for kind in ("counted", "estimated", "measured")) for line in totals)


def test_report_of_a_bundle(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    done = cli("report", bundle, "-o", tmp_path / "page.html")
    assert done.code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "Bit-exact" in page
    assert "Accuracy" not in page  # nobody measured it


def test_export_replaces_a_bundle_but_nothing_else(
    cli: Cli, bundle: Path, tiny_program: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(bundle, copy)
    assert cli("export", tiny_program, "-t", "host", "-o", copy).code == 0
    assert json.loads((copy / "manifest.json").read_text())["target"] == "host"
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").write_text("")
    done = cli("export", tiny_program, "-t", "host", "-o", tmp_path / "precious")
    assert done.code == 2
    assert "not a bundle" in done.err
    assert (tmp_path / "precious" / "thesis.tex").exists()


def test_missing_compiler_is_exit_3(cli: Cli, bundle: Path) -> None:
    done = cli("build", bundle, "--toolchain", "gcc", PATH="")
    assert done.code == 3
    assert "fix: apt-get install gcc-arm-none-eabi" in done.err


def test_unknown_emulator_is_usage(cli: Cli, bundle: Path, x: np.ndarray, tmp_path: Path) -> None:
    file = save(tmp_path / "x.npy", x)
    done = cli("run", bundle, "-i", file, "-o", tmp_path / "y.npy", "--emulator", "native")
    assert done.code == 2
    assert "unicorn" in done.err


def test_time_is_up_is_exit_4(cli: Cli, bundle: Path, tmp_path: Path) -> None:
    many = np.zeros((20_000, 1, 8, 8), np.float32)
    done = cli(
        "run", bundle, "-i", save(tmp_path / "x.npy", many), "-o", tmp_path / "y.npy", "--timeout", "0.05"
    )
    assert done.code == 4, done.err
    assert not (tmp_path / "y.npy").exists()


def test_export_takes_a_prefix(cli: Cli, tiny_program: Path, tmp_path: Path) -> None:
    done = cli("export", tiny_program, "-t", "host", "-o", tmp_path / "b", "--prefix", "digits")
    assert done.code == 0, done.err
    assert any("void digits_run(void)" in file.read_text() for file in (tmp_path / "b").glob("*.h"))
    wrong = cli("export", tiny_program, "-t", "host", "-o", tmp_path / "c", "--prefix", "2 words")
    assert wrong.code == 2
    assert not (tmp_path / "c").exists()
