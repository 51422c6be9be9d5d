"""A convolution and the max pool behind it as one step: where that is exact, and only there."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import bundle
from toolkit.device.targets import KERNEL_SETS
from toolkit.kernels import PORTABLE
from toolkit.lower import reference
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels, pays
from toolkit.lower.ir import Model, per_tensor
from toolkit.lower.passes import lower
from toolkit.lower.pooled import OP, fuse_pools
from toolkit.ops import operators
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify


class Net(nn.Module):
    """A convolution and a pool, and another reader of the convolution where asked."""

    def __init__(self, pool: nn.Module, *, twice: bool = False) -> None:
        super().__init__()
        self.conv, self.pool, self.twice = nn.Conv2d(2, 8, 3, padding=1), pool, twice
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = torch.relu(self.conv(x))
        pooled = self.last(self.pool(made))
        return pooled + made.mean((2, 3), keepdim=True)[:, :4] if self.twice else pooled


def program(net: nn.Module) -> torch.export.ExportedProgram:
    images = np.random.default_rng(0).normal(size=(4, 2, 18, 17)).astype(np.float32)
    return quantize_ptq(net.eval(), images)


@functools.cache
def pooled() -> torch.export.ExportedProgram:
    torch.manual_seed(0)
    return program(Net(nn.MaxPool2d(2)))


def lowered(net: nn.Module) -> Model:
    torch.manual_seed(0)
    return lower(program(net))


def fused(model: Model) -> list[str]:
    return [step.name for step in fuse_pools(model).steps if step.op == OP]


@pytest.mark.parametrize(
    "pool",
    [nn.MaxPool2d(2), nn.MaxPool2d(3), nn.MaxPool2d((2, 3)), nn.MaxPool2d((3, 1))],
    ids=["2x2", "3x3", "2x3", "3x1"],
)
def test_one_step_gives_the_same_integers(pool: nn.Module) -> None:
    model = lowered(Net(pool))
    one = fuse_pools(model)
    assert fused(model) == ["conv"]
    assert len(one.steps) == len(model.steps) - 1
    sample = np.random.default_rng(1).integers(-128, 128, model.inputs[0].shape).astype(np.int8)
    for a, b in zip(reference.run(model, [sample]), reference.run(one, [sample]), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "net",
    [
        Net(nn.MaxPool2d(2), twice=True),
        Net(nn.MaxPool2d(3, 2)),
        Net(nn.MaxPool2d(2, 3)),
        Net(nn.MaxPool2d(2, padding=1)),
        Net(nn.MaxPool2d(2, ceil_mode=True)),
        Net(nn.AvgPool2d(2)),
        Net(nn.MaxPool2d((9, 1))),
    ],
    ids=["second-reader", "overlap", "gaps", "padding", "hangs-over", "average", "no-strips"],
)
def test_two_steps_stay_two(net: nn.Module) -> None:
    assert fused(lowered(net)) == []


def test_an_output_of_the_model_is_kept() -> None:
    model = lowered(Net(nn.MaxPool2d(2)))
    conv = next(step for step in model.steps if step.op == "conv2d")
    model.outputs.append(conv.output)
    assert fused(model) == []


def test_a_pool_to_another_scale_is_kept() -> None:
    model = lowered(Net(nn.MaxPool2d(2)))
    pool = next(step for step in model.steps if step.op == "max_pool2d")
    pool.output.quant = per_tensor(0.123, 4)
    assert fused(model) == []


def test_what_the_pool_leaves_out_is_not_computed() -> None:
    model = lowered(Net(nn.MaxPool2d(2)))  # 18 x 17 pixels: the last column is under no window
    conv = next(step for step in model.steps if step.op == "conv2d")
    one = next(step for step in fuse_pools(model).steps if step.op == OP)
    assert operators()[OP].macs(one) == operators()["conv2d"].macs(conv) * 16 // 17


@pytest.mark.parametrize("kernel_set", [PORTABLE, "armv6m", "armv7em", "avr", "helium", "rv32im"])
def test_the_arena_shrinks(kernel_set: str) -> None:
    model = lowered(Net(nn.MaxPool2d(2)))
    arenas = [place(choose_kernels(each, kernel_set)).plan.arena_bytes for each in (fuse_pools(model), model)]
    assert arenas[0] < 0.7 * arenas[1]


def test_only_fast_kernels_pay() -> None:
    step = next(step for step in fuse_pools(lowered(Net(nn.MaxPool2d(2)))).steps if step.op == OP)
    assert {name for name in KERNEL_SETS if pays(step, name)} == {
        PORTABLE,
        "armv7em",
        "avr",
        "helium",
        "rv32im",
    }


@pytest.mark.parametrize(
    ("target", "options", "one"),
    [
        ("cortex-m4", {}, True),
        ("rv32imc", {"tune": True}, True),
        ("cortex-m0plus", {}, False),
        ("cortex-m0plus", {"optimize": "ram"}, True),
        ("cortex-m4", {"optimize": "size"}, False),
        ("cortex-m4", {"optimize": "size", "max_ram": 6500}, True),
        ("host", {}, False),
    ],
)
def test_bundles_are_equal_on_the_device(
    target: str, options: dict[str, object], one: bool, tmp_path: Path
) -> None:
    pt2.save(pooled(), tmp_path / "net.pt2")
    manifest = bundle.export(tmp_path / "net.pt2", target, tmp_path / "bundle", **options)  # type: ignore[arg-type]
    assert (OP in [layer["op"] for layer in manifest["layers"]]) == one
    assert verify(tmp_path / "bundle", fresh=2, layer_samples=1, host=False).ok
