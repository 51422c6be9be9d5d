"""The first layers in bands: the same integers from less memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import bundle
from toolkit.lower import reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower
from toolkit.lower.patches import Patches, apply_patches, leading_chain, search
from toolkit.ops import operators
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify


def expansion(channels: int, out: int, stride: int) -> list[nn.Module]:
    wide = 6 * channels
    return [
        nn.Conv2d(channels, wide, 1), nn.ReLU6(),
        nn.Conv2d(wide, wide, 3, stride, 1, groups=wide), nn.ReLU6(),
        nn.Conv2d(wide, out, 1),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def program() -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU6(), *expansion(8, 8, 2), *expansion(8, 16, 2),
        nn.AvgPool2d(4), nn.Flatten(), nn.Linear(16, 2),
    )  # fmt: skip
    return quantize_ptq(net.eval(), np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32))


@pytest.fixture
def model(program: torch.export.ExportedProgram) -> Model:
    return choose_kernels(lower(program), "portable")


@pytest.mark.parametrize("layers", [1, 2, 4, 7])
@pytest.mark.parametrize("bands", [1, 2, 4])
def test_bands_give_the_same_integers(model: Model, layers: int, bands: int) -> None:
    banded = apply_patches(model, Patches(layers, bands))
    assert banded is not None
    assert sum(step.op == "band" for step in banded.steps) == bands
    sample = np.random.default_rng(1).integers(-128, 128, model.inputs[0].shape).astype(np.int8)
    for whole, parts in zip(reference.run(model, [sample]), reference.run(banded, [sample]), strict=True):
        np.testing.assert_array_equal(whole, parts)


def test_the_search_saves_memory_for_work(model: Model) -> None:
    banded, found = search(model)
    assert found is not None
    assert place(banded).plan.arena_bytes < 0.7 * place(model).plan.arena_bytes
    work = [sum(operators()[step.op].macs(step) for step in m.steps) for m in (model, banded)]
    assert work[0] < work[1] < 1.5 * work[0]


def test_a_limit_takes_the_least_work_that_meets_it(model: Model) -> None:
    smallest = place(search(model)[0]).plan.arena_bytes
    limit = (place(model).plan.arena_bytes + smallest) // 2
    banded, _ = search(model, limit)
    assert place(banded).plan.arena_bytes <= limit
    macs = [sum(operators()[step.op].macs(step) for step in m.steps) for m in (banded, search(model)[0])]
    assert macs[0] <= macs[1]


def test_what_is_no_chain_is_not_split(model: Model) -> None:
    assert apply_patches(model, Patches(leading_chain(model) + 1, 2)) is None
    assert apply_patches(model, Patches(2, 0)) is None
    assert apply_patches(model, Patches(2, 1000)) is None  # more bands than rows


def test_a_bundle_in_bands_is_equal_on_the_device(
    program: torch.export.ExportedProgram, tmp_path: Path
) -> None:
    pt2.save(program, tmp_path / "net.pt2")
    free = bundle.export(tmp_path / "net.pt2", "stm32f4-discovery", tmp_path / "free")
    frugal = bundle.export(tmp_path / "net.pt2", "stm32f4-discovery", tmp_path / "ram", optimize="ram")
    assert frugal["patches"] is not None
    assert frugal["sizes"]["arena_bytes"] < free["sizes"]["arena_bytes"]
    later = [layer for layer in frugal["layers"] if layer["name"].endswith(".band1")]
    assert later
    assert sum(layer["weight_bytes"] for layer in later) == 0  # all bands read the first one's weights
    assert verify(tmp_path / "ram", fresh=2, layer_samples=1).ok
