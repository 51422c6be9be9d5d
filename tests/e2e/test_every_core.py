"""Ternary and int8 networks on every core: all layers equal to the reference, to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import bundle, models
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify

NEEDS = {
    "cortex-m55": ("qemu-system-arm", "apt-get install qemu-system-arm"),
    "rpi": ("qemu-aarch64", "apt-get install qemu-user"),
}
CORES = ["host", "cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m55", "rv32imc", "rpi"]


class Pooled(nn.Sequential):
    """Max pools behind convolutions, which some cores compute in one."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.MaxPool2d((2, 1)), nn.Conv2d(12, 8, 1), nn.MaxPool2d((1, 2)),
            nn.Flatten(), nn.Linear(8 * 4 * 4, 10),
        )  # fmt: skip


class Residual(nn.Module):
    """Sums behind convolutions, which some cores compute in one: of an odd number of channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.first, self.second = (
            nn.Conv2d(1, 7, 3),
            nn.Conv2d(7, 7, 1),
            nn.Conv2d(7, 7, 3, padding=1),
        )
        self.shortcut, self.head = nn.Conv2d(7, 7, 1), nn.Linear(7 * 6 * 6, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        x = torch.relu(self.first(x) + x)
        return self.head((self.second(x) + self.shortcut(x)).flatten(1))  # type: ignore[no-any-return]


NETS = {"pooled": Pooled, "residual": Residual}


@pytest.fixture(scope="module", params=["ternary", "int8", "pooled-ternary", "pooled-int8", "residual-int8"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CNN for 8x8 digits with random weights: equality needs no training."""
    torch.manual_seed(0)
    *net, weights = request.param.split("-")
    model = (NETS[net[0]]() if net else models.build("cnn", "digits")).eval()
    if weights == "ternary":
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.weight.data = 0.05 * torch.randint(-1, 2, layer.weight.shape)
    images = np.random.default_rng(0).uniform(size=(32, 1, 8, 8)).astype(np.float32)
    file = tmp_path_factory.mktemp(request.param) / "cnn.pt2"
    pt2.save(quantize_ptq(model, images, weights=weights), file, {})
    return file


@pytest.mark.parametrize("target", CORES)
def test_every_layer_is_equal_on(target: str, program: Path, tmp_path: Path) -> None:
    if target in NEEDS and shutil.which(NEEDS[target][0]) is None:
        pytest.skip(f"{NEEDS[target][0]} is not installed: {NEEDS[target][1]}")
    ternary = "ternary" in str(program)
    manifest = bundle.export(program, target, tmp_path / "bundle")
    layers = [layer for layer in manifest["layers"] if layer["weight_type"]]
    assert {layer["weight_type"] for layer in layers} == {"ternary" if ternary else "int8"}
    weights = 16 * 9 + 32 * 16 * 9 + 48 * 32 * 9 + 10 * 48
    padding = 1.1  # the fast kernels pad rows to four and columns to eight
    if not any(net in str(program) for net in NETS):
        assert manifest["sizes"]["weight_bytes"] <= weights / (4 if ternary else 1) * padding
    result = verify(tmp_path / "bundle", fresh=8, layer_samples=3, host=False)
    assert result.ok, result.first_difference
    assert result.exact
    layer_values = sum(int(np.prod(layer["output"]["device_shape"])) for layer in manifest["layers"])
    assert result.comparisons[-1].values == 3 * layer_values
