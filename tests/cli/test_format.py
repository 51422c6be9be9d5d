"""``toolkit export --format``: one file instead of a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Cli


def test_says_what_is_in_the_file_and_what_it_computes(cli: Cli, tiny_program: Path, tmp_path: Path) -> None:
    file = tmp_path / "tiny.onnx"
    done = cli("export", tiny_program, "--format", "onnx", "-o", file)
    assert done.code == 0, done.err
    assert f"wrote {file}: {file.stat().st_size:,} B, weights 228 B" in done.out
    assert ["0", "uint8", "36"] in [line.split() for line in done.out.splitlines()]
    assert (
        "against the reference, 16 samples: 48 of 48 values equal (100 %); the same class for 16" in done.out
    )
    before = file.read_bytes()
    done = cli("export", file, "--format", "onnx", "-o", file)
    assert done.code == 2
    assert "is the model itself" in done.err
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--format", "onxx", "-o", "x.onnx"], "did you mean onnx?"),
        (["--format", "onnx", "-o", "x.tflite"], "choose -o x.onnx"),
        (
            ["--format", "onnx", "-o", "x.onnx", "-t", "host", "--tune"],
            "--target, --tune: only with --format c",
        ),
        (["--format", "onnx"], "add -o FILE.onnx"),
    ],
)
def test_refuses_what_makes_no_sense(
    cli: Cli, tiny_program: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = cli("export", tiny_program, *arguments, cwd=tmp_path)
    assert done.code == 2
    assert says in done.err
    assert not list(tmp_path.iterdir())


def test_a_project_has_its_own_file_and_samples(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text(
        "[project]\nname = 'small'\n[data]\nlimit = 64\n[model]\nfamily = 'mlp'\n[train]\nepochs = 1\n"
        "[quantize]\nmethod = 'int8-ptq'\n"
    )
    done = cli("export", tmp_path, "--format", "onnx", "--golden-count", 20, "--json")
    assert done.code == 0, done.err
    assert done.document["file"] == str(tmp_path / "build" / "small.onnx")
    assert done.document["agreements"][0]["samples"] == 20
    assert done.document["ok"]
