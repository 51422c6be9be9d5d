"""Programs come back from ``.pt2`` files as they were; other files are refused with a fix."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch

from tests.program import pt2_files as files
from toolkit.errors import ToolkitError
from toolkit.program import pt2, pt2_archive


@pytest.fixture(scope="module")
def program() -> torch.export.ExportedProgram:
    return files.float_program()


@pytest.fixture(scope="module")
def original(program: torch.export.ExportedProgram) -> bytes:
    return files.saved_by_torch(program)


def load(data: bytes, folder: Path) -> torch.export.ExportedProgram:
    path = folder / "model.pt2"
    path.write_bytes(data)
    return pt2.load(path)[0]


def refused(data: bytes, folder: Path, message: str) -> ToolkitError:
    with pytest.raises(ToolkitError, match=message) as caught:
        load(data, folder)
    assert caught.value.fix
    assert str(folder / "model.pt2") in caught.value.at
    return caught.value


# --- round trips


@pytest.mark.parametrize("make", [files.float_program, files.quantized_program])
def test_round_trip_computes_the_same(make, tmp_path: Path) -> None:
    program = make()
    path = tmp_path / "model.pt2"
    pt2.save(program, path, {"dataset": "digits", "accuracy": {"float": 0.98}})
    loaded, info = pt2.load(path)
    assert info == {"dataset": "digits", "accuracy": {"float": 0.98}}
    x = files.sample()
    assert torch.equal(loaded.module()(x), program.module()(x))
    names = [node.name for node in program.graph.nodes]
    assert [node.name for node in loaded.graph.nodes] == names


def test_layers_keep_their_names(program, tmp_path: Path) -> None:
    pt2.save(program, tmp_path / "a.pt2")
    loaded, _ = pt2.load(tmp_path / "a.pt2")
    conv = next(node for node in loaded.graph.nodes if node.name == "conv2d")
    assert [path for path, _ in conv.meta["nn_module_stack"].values()] == ["", "conv"]


def test_files_of_torch_are_read(program, original: bytes, tmp_path: Path) -> None:
    x = files.sample()
    assert torch.equal(load(original, tmp_path).module()(x), program.module()(x))


def test_torch_reads_our_files(program, tmp_path: Path) -> None:
    pt2.save(program, tmp_path / "a.pt2")
    x = files.sample()
    assert torch.equal(torch.export.load(tmp_path / "a.pt2").module()(x), program.module()(x))


def test_same_program_same_bytes_and_no_pickle(program, tmp_path: Path) -> None:
    pt2.save(program, tmp_path / "a.pt2", {"b": 1, "a": 2})
    pt2.save(program, tmp_path / "b.pt2", {"a": 2, "b": 1})
    loaded, info = pt2.load(tmp_path / "a.pt2")
    pt2.save(loaded, tmp_path / "c.pt2", info)
    data = (tmp_path / "a.pt2").read_bytes()
    assert data == (tmp_path / "b.pt2").read_bytes() == (tmp_path / "c.pt2").read_bytes()
    assert files.entries(data)[files.SAMPLE_INPUTS] == b""
    assert str(Path(__file__).parent).encode() not in data  # no stack traces


class Streaming(torch.nn.Module):
    """Inputs by position and keyword, a dict of outputs, a changing buffer, an unsaved one, tied weights."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Linear(4, 4)
        self.b = torch.nn.Linear(4, 4)
        self.b.weight = self.a.weight
        self.register_buffer("state", torch.zeros(1, 4))
        self.register_buffer("scale", torch.full((), 3.0), persistent=False)

    def forward(
        self, x: torch.Tensor, *, gain: torch.Tensor
    ) -> dict[str, torch.Tensor | tuple[torch.Tensor, ...]]:
        self.state.mul_(0.5).add_(x)
        return {"y": self.b(self.a(self.state) * self.scale), "parts": torch.split(gain * x, 2, dim=1)}


@pytest.mark.parametrize("decompose", [False, True])
def test_state_containers_and_keywords_survive(decompose: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    x, gain = torch.randn(1, 4), torch.randn(1, 4)
    program = torch.export.export(Streaming().eval(), (x,), {"gain": gain})
    if decompose:
        program = program.run_decompositions()
    pt2.save(program, tmp_path / "a.pt2")
    loaded = pt2.load(tmp_path / "a.pt2")[0].module()
    wanted = program.module()
    for _ in range(3):
        mine, other = loaded(x, gain=gain), wanted(x, gain=gain)
        assert torch.equal(mine["y"], other["y"])
        assert all(torch.equal(a, b) for a, b in zip(mine["parts"], other["parts"], strict=True))


def test_channels_last_weights_survive(tmp_path: Path) -> None:
    net = torch.nn.Conv2d(3, 4, 3).eval().to(memory_format=torch.channels_last)
    x = torch.randn(1, 3, 5, 5)
    pt2.save(torch.export.export(net, (x,)), tmp_path / "a.pt2")
    assert torch.equal(pt2.load(tmp_path / "a.pt2")[0].module()(x), net(x))


def test_load_registers_the_quantized_operators(tmp_path: Path) -> None:
    pt2.save(files.quantized_program(), tmp_path / "a.pt2")
    code = "import sys, torch; from toolkit.program import pt2; program = pt2.load(sys.argv[1])[0]; "
    code += "program.module()(torch.zeros(1, 1, 4, 4))"
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.pt2"], check=True, timeout=120)


# --- not a program


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(ToolkitError, match="no such file"):
        pt2.load(tmp_path / "absent.pt2")
    with pytest.raises(ToolkitError, match="not a file"):
        pt2.load(tmp_path)


def zip_of(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in names:
            file.writestr(name, b"{}")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"model = nn.Sequential()\n", "no zip archive"),
        (b"\0" * 5000, "no zip archive"),
        (pickle.dumps({"weight": [1.0]}), "pickle"),
        (files.pickled({"weight": torch.ones(2)}), "torch.save wrote it"),
        (zip_of(["version", "serialized_exported_program.json"]), "old torch"),
        (zip_of(["readme/readme.txt"]), "another kind"),
        (zip_of([]), "several folders, or there are none"),
        (zip_of(["a/b", "c/d"]), "several folders"),
        (zip_of(["a/../../etc/passwd"]), "strange name"),
        (zip_of(["/a/b"]), "strange name"),
        (zip_of(["a\\b"]), "strange name"),
        (zip_of(["a/\x1b[31m"]), "strange name"),
    ],
)
def test_other_files_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    refused(data, tmp_path, message)


def test_duplicate_entries_are_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        data = zip_of(["a/b", "a/b"])
    refused(data, tmp_path, "same name")


def test_compressed_entries_are_refused(original: bytes, tmp_path: Path) -> None:
    bomb = {**files.entries(original), "extra/zeros": bytes(50 << 20)}
    data = files.archive(bomb, zipfile.ZIP_DEFLATED)
    assert len(data) < 1 << 20
    refused(data, tmp_path, "compressed")


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    refused(zip_of([f"a/{number}" for number in range(20_001)]), tmp_path, "more than 20000 entries")


def test_too_large_files_are_refused_unread(original: bytes, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(pt2_archive, "MAX_BYTES", 1 << 10)
    refused(original, tmp_path, "larger than")


@pytest.mark.parametrize("keep", [1, 4, 100, -1, -22, -100])
def test_cut_off_files_are_refused(keep: int, original: bytes, tmp_path: Path) -> None:
    refused(original[:keep], tmp_path, "cut off|no zip archive|damaged")


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("archive_version", b"1", "archive version"),
        ("archive_format", b"pt3", "another kind"),
        ("byteorder", b"big", "byte order"),
        ("models/other.json", b"{}", "2 programs"),
        ("models/model.json", b"", "malformed"),
        ("models/model.json", b"\xff\xfe", "malformed"),
        ("models/model.json", b"[" * 200_000, "malformed"),
        ("models/model.json", b"9" * 100_000, "malformed"),
        ("models/model.json", b"null", "malformed"),
        ("extra/toolkit.json", b"[1]", "malformed"),
        ("extra/toolkit.json", b"{", "malformed"),
        (files.WEIGHTS, b"{}", "malformed"),
    ],
)
def test_strange_content_is_refused(
    name: str, data: bytes, message: str, original: bytes, tmp_path: Path
) -> None:
    refused(files.with_entry(original, name, data), tmp_path, message)


def test_another_schema_is_refused(original: bytes, tmp_path: Path) -> None:
    def newer(model: dict) -> None:
        model["schema_version"]["major"] += 1

    refused(
        files.with_json(original, files.MODEL, newer), tmp_path, "schema version 9.20; this torch reads 8.x"
    )


# --- programs that no device can run


class Sum(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(1)


def test_dynamic_shapes_are_refused_by_load_and_save(tmp_path: Path) -> None:
    program = torch.export.export(
        Sum(), (torch.zeros(2, 3),), dynamic_shapes={"x": {0: torch.export.Dim("batch")}}
    )
    error = refused(files.saved_by_torch(program), tmp_path, "the tensor x has a dynamic shape")
    assert "without dynamic_shapes" in error.fix
    with pytest.raises(ToolkitError, match="the tensor x has a dynamic shape"):
        pt2.save(program, tmp_path / "new.pt2")
    assert not (tmp_path / "new.pt2").exists()


class Branch(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))


class Branching(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        count = x.sum().int().item()
        torch._check(count > 0)
        return torch.zeros(3) + count


def test_control_flow_is_refused_with_the_operators_listed(tmp_path: Path) -> None:
    program = torch.export.export(Branch(), (torch.zeros(2),))
    error = refused(files.saved_by_torch(program), tmp_path, "1 operations are not tensor operators of torch")
    assert "torch.ops.higher_order.cond" in error.at


def test_values_that_are_only_known_at_run_time_are_refused(tmp_path: Path) -> None:
    program = torch.export.export(Branching(), (torch.ones(2),))
    refused(files.saved_by_torch(program), tmp_path, "the program has a dynamic shape")


class Flag(torch.nn.Module):
    def forward(self, x: torch.Tensor, flag: str) -> torch.Tensor:
        return x if flag == "on" else -x


def test_inputs_other_than_tensors_are_refused(tmp_path: Path) -> None:
    program = torch.export.export(Flag(), (torch.zeros(2), "on"))
    refused(files.saved_by_torch(program), tmp_path, "not a tensor")


@pytest.mark.parametrize("dtype", [torch.complex64, torch.float8_e4m3fn, torch.uint16])
def test_unsupported_dtypes_are_refused_by_name(dtype: torch.dtype, tmp_path: Path) -> None:
    class Odd(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("odd", torch.ones(4).to(dtype))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.odd.to(torch.float32)

    program = torch.export.export(Odd(), (torch.zeros(4),))
    name = str(dtype).removeprefix("torch.").replace("_", "").replace("complex64", "complexfloat")
    refused(files.saved_by_torch(program), tmp_path, f"b_odd has the dtype {name}")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_weights_that_are_not_finite_are_refused(value: float, dtype: torch.dtype, tmp_path: Path) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(4, 2)).eval().to(dtype)
    program = torch.export.export(net, (torch.zeros(1, 4, dtype=dtype),))
    with torch.no_grad():
        program.state_dict["0.weight"][1, 2] = value
    error = refused(files.saved_by_torch(program), tmp_path, "1 of 8 values are NaN or infinite")
    assert error.at.endswith(": 0.weight")
    with pytest.raises(ToolkitError, match="NaN or infinite"):
        pt2.save(program, tmp_path / "new.pt2")


def test_no_input_or_output_is_refused(tmp_path: Path) -> None:
    class Constant(torch.nn.Module):
        def forward(self) -> torch.Tensor:
            return torch.zeros(2)

    refused(files.saved_by_torch(torch.export.export(Constant(), ())), tmp_path, "takes or returns no tensor")


def change_weight(field: str, value: object):
    def change(config: dict) -> None:
        config["config"]["fc.weight"]["tensor_meta"][field] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_weight("sizes", [{"as_int": 1 << 40}, {"as_int": 8}]), "larger than 1 GiB"),
        (change_weight("sizes", [{"as_int": 3}, {"as_int": 9}]), "disagree"),
        (change_weight("sizes", [{"as_int": -3}, {"as_int": -8}]), "malformed"),
        (change_weight("strides", [{"as_int": 1 << 50}, {"as_int": 1}]), "needs .* bytes"),
        (change_weight("strides", [{"as_int": -1}, {"as_int": 1}]), "malformed"),
        (change_weight("storage_offset", {"as_int": 1}), "needs 100 bytes but 96 are there"),
        (change_weight("dtype", 2), "disagree"),
        (change_weight("dtype", [7]), "malformed"),
        (change_weight("layout", 1), "sparse"),
        (lambda config: config["config"].pop("fc.weight"), "without data"),
        (
            lambda config: config["config"]["fc.weight"].update(path_name="../weights/weight_0"),
            "without its file",
        ),
        (lambda config: config["config"]["fc.weight"].update(path_name="weight_0"), "needs 96 bytes but 72"),
    ],
)
def test_weights_must_fit_their_description(change, message: str, original: bytes, tmp_path: Path) -> None:
    refused(files.with_json(original, files.WEIGHTS, change), tmp_path, message)


def test_full_disk_leaves_the_old_file(program, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a.pt2"
    pt2.save(program, path)
    before = path.read_bytes()

    def full(self: Path, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ToolkitError, match="No space left"):
        pt2.save(program, path, {"new": True})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_information_is_json(program, tmp_path: Path) -> None:
    pt2.save(program, tmp_path / "a.pt2", {"curve": [0.5, 0.25]})
    data = (tmp_path / "a.pt2").read_bytes()
    assert json.loads(files.entries(data)["extra/toolkit.json"]) == {"curve": [0.5, 0.25]}
    assert pt2.load(tmp_path / "a.pt2")[1] == {"curve": [0.5, 0.25]}
