"""What people get wrong, through the command: a clear error with its fix, an exit code, and no output left behind."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.export import Dim

from tests.conftest import Cli, Ran
from tests.program import pt2_files
from toolkit import bundle
from toolkit.device import targets


def _saved(model: nn.Module, *inputs: torch.Tensor, file: Path, **options: Any) -> Path:
    torch.export.save(torch.export.export(model.eval(), inputs, **options), file)
    return file


@pytest.fixture
def export(cli: Cli, tmp_path: Path) -> Callable[..., Ran]:
    """Export a program and demand that it is refused with exit code 2 and that nothing else lies in the folder."""

    def run(model: Path, target: str = "cortex-m4", code: int = 2) -> Ran:
        before = sorted(tmp_path.rglob("*"))
        done = cli("export", model, "--target", target, "-o", tmp_path / "bundle")
        assert done.code == code, done.err
        assert done.err.startswith("error: ")
        assert "\n  fix: " in done.err
        assert "Traceback" not in done.err
        assert done.out == ""
        assert sorted(tmp_path.rglob("*")) == before
        return done

    return run


# --- programs


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9, 0.999])
def test_truncated(keep: float, export: Callable[..., Ran], tiny_program: Path, tmp_path: Path) -> None:
    data = tiny_program.read_bytes()
    (tmp_path / "net.pt2").write_bytes(data[: int(len(data) * keep)])
    assert "net.pt2" in export(tmp_path / "net.pt2").err


def test_overwritten_in_the_middle(export: Callable[..., Ran], tiny_program: Path, tmp_path: Path) -> None:
    data = bytearray(tiny_program.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 64] = bytes(64)
    (tmp_path / "net.pt2").write_bytes(data)
    assert "net.pt2" in export(tmp_path / "net.pt2").err


@pytest.mark.parametrize(
    "entry", ["data/weights/model.pt", "data/constants/custom_obj_0", "data/aotinductor/model/lib.so"]
)
def test_hostile(entry: str, export: Callable[..., Ran], tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.export.save(pt2_files.float_program(), buffer)
    planted = pt2_files.pickled(pt2_files.Touch(tmp_path / "marker"))
    (tmp_path / "net.pt2").write_bytes(pt2_files.with_entry(buffer.getvalue(), entry, planted))
    assert "run" in export(tmp_path / "net.pt2").err
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(value: float, export: Callable[..., Ran], tmp_path: Path) -> None:
    last = nn.Linear(3, 2)
    last.weight.data[1, 1] = value
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), last)
    done = export(_saved(net, torch.zeros(1, 4), file=tmp_path / "net.pt2"))
    assert "2.weight" in done.err


def test_dynamic_shape(export: Callable[..., Ran], tmp_path: Path) -> None:
    shapes = {"dynamic_shapes": ({0: Dim("batch", min=2, max=64)},)}
    net = nn.Sequential(nn.Linear(4, 3), nn.ReLU())
    done = export(_saved(net, torch.zeros(2, 4), file=tmp_path / "net.pt2", **shapes))
    assert "dynamic" in done.err


class Complex(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.tensor(2j)


class Halves(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x)


@pytest.mark.parametrize(
    ("net", "dtype"), [(Complex(), torch.complex64), (Halves(), torch.float16), (Halves(), torch.float64)]
)
def test_dtype_nobody_supports(
    net: nn.Module, dtype: torch.dtype, export: Callable[..., Ran], tmp_path: Path
) -> None:
    done = export(_saved(net, torch.zeros(1, 4, dtype=dtype), file=tmp_path / "net.pt2"))
    assert str(dtype).removeprefix("torch.").rstrip("0123456789") in done.err


class Unsupported(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cumsum(torch.cummax(torch.erfinv(self.first(x)), 1).values, 1)


def test_unsupported_operators_are_listed_together(export: Callable[..., Ran], tmp_path: Path) -> None:
    done = export(_saved(Unsupported(), torch.zeros(1, 4), file=tmp_path / "net.pt2"))
    assert [word for word in ("erfinv", "cummax", "cumsum") if word not in done.err] == []


class Flat(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x).reshape(4)


@pytest.mark.parametrize(
    ("net", "shape", "words"),
    [(nn.Linear(4, 3), (8, 4), "[8, 4]"), (nn.ReLU(), (4,), "[4]"), (Flat(), (1, 4), "[4]")],
    ids=["eight samples", "no axis for samples", "the axis is lost"],
)
def test_not_one_sample_at_a_time(
    net: nn.Module, shape: tuple[int, ...], words: str, export: Callable[..., Ran], tmp_path: Path
) -> None:
    done = export(_saved(net, torch.zeros(shape), file=tmp_path / "net.pt2"))
    assert words in done.err
    assert "one sample" in done.err


# --- targets and tools


@pytest.mark.parametrize(
    ("target", "words"), [("cortex-m44", "cortex-m4"), ("", "no target"), ("../targets/host", "host")]
)
def test_unknown_target(target: str, words: str, export: Callable[..., Ran], tiny_program: Path) -> None:
    assert words in export(tiny_program, target).err


@pytest.mark.parametrize(
    ("kind", "wide", "nearest"),
    [
        ("flash", 400, "pico"),
        ("flash", 600, "pico"),
        ("RAM", 180, "pico"),
    ],
)
def test_too_large_for_the_target(
    kind: str, wide: int, nearest: str, export: Callable[..., Ran], tmp_path: Path
) -> None:
    """A net with too many weights, and one with too large an image, in float32."""
    net, shape = (nn.Linear(wide, wide), (1, wide)) if kind == "flash" else (nn.ReLU(), (1, 2, wide, wide))
    file = _saved(net, torch.zeros(shape), file=tmp_path / "net.pt2")
    microbit = targets.load("microbit")
    region = microbit.flash if kind == "flash" else microbit.ram
    assert region is not None
    done = export(file, "microbit", code=1)
    found = re.search(rf"it needs ([\d,]+) of ([\d,]+) bytes of {kind}", done.err)
    assert found, done.err
    needed, available = (int(number.replace(",", "")) for number in found.groups())
    assert available == region.bytes
    assert wide * wide * 4 <= needed < 3 * wide * wide * 4
    assert f"--target {nearest} " in done.err
    bundle.export(file, nearest, tmp_path / "bundle")


def test_missing_compiler(cli: Cli, tiny_program: Path, tmp_path: Path) -> None:
    assert cli("export", tiny_program, "-t", "pico", "-o", tmp_path / "bundle").code == 0
    for command in ("build", "verify", "bench"):
        done = cli(command, tmp_path / "bundle", "--toolchain", "gcc", PATH=str(tmp_path))
        assert done.code == 3, done.err
        assert "arm-none-eabi-gcc" in done.err
        assert "fix: apt-get install gcc-arm-none-eabi" in done.err
        assert "--toolchain zig" in done.err
    assert list((tmp_path / "bundle").rglob("gcc*")) == []
