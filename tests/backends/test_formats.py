"""What holds of every format: how it is found, and what becomes of samples and paths that are of no use."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.backends.nets import Images, int8, samples
from toolkit.backends import formats
from toolkit.backends.formats import Format, Sample
from toolkit.errors import CHECK_FAILED, MISSING, ToolkitError
from toolkit.model_file import export_format
from toolkit.program import pt2
from toolkit.runtimes.integer_sums import sum_in_integers


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> torch.export.ExportedProgram:
    file = tmp_path_factory.mktemp("programs") / "images.pt2"
    pt2.save(int8(Images), file, {})
    return pt2.load(file)[0]


def own(program: torch.export.ExportedProgram) -> Format:
    """A format whose file is the program itself and whose runtime is torch, its sums in integers."""

    def run(path: Path, given: list[Sample]) -> list[Sample]:
        module = pt2.load(path)[0].module()
        assert isinstance(module, torch.fx.GraphModule)
        sum_in_integers(module)
        module.recompile()
        with torch.no_grad():
            return [[module(*map(torch.from_numpy, sample)).numpy()] for sample in given]

    def write(program: torch.export.ExportedProgram, path: Path) -> list[formats.StoredWeight]:
        pt2.save(program, path, {})
        return [formats.StoredWeight("conv", "int8", 54)]

    return Format("own", ".pt2", "torch", (), write, run)


def test_formats_are_the_modules_that_have_one() -> None:
    assert "onnx" in formats.names()
    assert not {"c", "formats"} & set(formats.names())
    for name in formats.names():
        assert formats.load(name).name == name


@pytest.mark.parametrize("name", ["onx", "formats", "../onnx", "runtime", ""])
def test_unknown_formats_are_refused(name: str) -> None:
    with pytest.raises(ToolkitError, match=f"there is no --format {name}"):
        formats.load(name)


def test_a_missing_package_is_named_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as Python has a package that cannot be imported
    with pytest.raises(
        ToolkitError, match=r'onnxscript must be installed[^\0]*pip install "edge-toolkit\[onnx\]"'
    ) as error:
        formats.load("onnx")
    assert error.value.exit_code == MISSING


def test_what_is_counted(program: torch.export.ExportedProgram, tmp_path: Path) -> None:
    written = export_format(program, own(program), tmp_path / "out" / "net.pt2", samples(Images), count=10)
    assert written.bytes == (tmp_path / "out" / "net.pt2").stat().st_size
    found = written.agreements[0]
    assert (found.against, found.samples, found.values) == ("the reference", 10, 50)
    assert found.exact
    document = written.to_json()
    assert document["weight_bytes"] == 54
    assert document["agreements"][0]["ok"] is True


def test_one_sample_and_integers_are_samples_too(
    program: torch.export.ExportedProgram, tmp_path: Path
) -> None:
    one = export_format(program, own(program), tmp_path / "net.pt2", samples(Images)[0])
    assert one.agreements[0].samples == 1
    integers = np.random.default_rng(0).integers(-128, 128, (3, 1, 8, 8)).astype(np.int8)
    assert export_format(program, own(program), tmp_path / "net.pt2", integers).agreements[0].exact


def test_another_rounding_is_compared_as_well(program: torch.export.ExportedProgram, tmp_path: Path) -> None:
    written = export_format(program, replace(own(program), rounding="litert"), tmp_path / "net.pt2")
    assert [found.against for found in written.agreements][:2] == [
        "the reference",
        "the reference, litert rounding",
    ]


def test_a_wrong_answer_is_not_ok(program: torch.export.ExportedProgram, tmp_path: Path) -> None:
    def negative(path: Path, given: list[Sample]) -> list[Sample]:
        return [[-array for array in sample] for sample in own(program).run(path, given)]

    written = export_format(program, replace(own(program), run=negative), tmp_path / "net.pt2")
    assert not written.ok
    assert [found.against for found in written.agreements] == [
        "the reference",
        "torch, float32 between the integers",
    ]
    assert not any(found.ok for found in written.agreements)


def test_a_file_that_its_runtime_refuses_is_not_written(
    program: torch.export.ExportedProgram, tmp_path: Path
) -> None:
    def refuse(path: Path, given: list[Sample]) -> list[Sample]:
        raise ToolkitError("no", exit_code=CHECK_FAILED)

    (tmp_path / "net.pt2").write_bytes(b"older")
    with pytest.raises(ToolkitError):
        export_format(program, replace(own(program), run=refuse), tmp_path / "net.pt2")
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"older"]


def test_outputs_of_another_shape_are_an_error(program: torch.export.ExportedProgram, tmp_path: Path) -> None:
    def short(path: Path, given: list[Sample]) -> list[Sample]:
        return [[array[:, 1:] for array in sample] for sample in own(program).run(path, given)]

    with pytest.raises(ToolkitError, match=r"shapes \[\(16, 4\)\] instead of \[\(16, 5\)\]"):
        export_format(program, replace(own(program), run=short), tmp_path / "net.pt2")


@pytest.mark.parametrize(
    ("path", "given", "says"),
    [
        ("net.onnx", None, r"net.onnx does not end in .pt2[^\0]*net.pt2"),
        ("", None, "does not end in .pt2"),
        ("folder.pt2", None, "is a folder"),
        ("file/net.pt2", None, "cannot write"),
        ("net.pt2", np.zeros((0, 1, 8, 8), np.float32), "no samples"),
        ("net.pt2", np.zeros((2, 1, 8, 9), np.float32), "expected samples of shape"),
        ("net.pt2", np.full((2, 1, 8, 8), np.nan, np.float32), "NaN"),
    ],
)
def test_paths_and_samples_of_no_use(
    program: torch.export.ExportedProgram, tmp_path: Path, path: str, given: np.ndarray | None, says: str
) -> None:
    (tmp_path / "folder.pt2").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolkitError, match=says):
        export_format(program, own(program), tmp_path / path, given)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder.pt2"]


def test_indices_need_real_samples(tmp_path: Path) -> None:
    class Lookup(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(7, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.table(x)

    words = torch.tensor([[1, 6, 0]])
    program = torch.export.export(Lookup().eval(), (words,))
    with pytest.raises(ToolkitError, match=r"indices[^\0]*--golden"):
        export_format(program, own(program), tmp_path / "net.pt2")
    assert export_format(program, own(program), tmp_path / "net.pt2", words.numpy()).agreements[0].exact
