"""A convolution and the addition behind it as one step: where that is exact, and only there."""

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
from toolkit.lower.ir import Model, State, per_tensor
from toolkit.lower.passes import lower
from toolkit.lower.residual import OP, fuse_adds
from toolkit.ops import operators
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.verify.verify import verify


class Residual(nn.Module):
    """A block whose sum is that of its two ends, and another reader of the second convolution where asked."""

    def __init__(self, *, relu: bool = True, twice: bool = False, shortcut: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)  # whether a sum has a form depends on its scales
        self.stem, self.first = nn.Conv2d(2, 7, 3, padding=1), nn.Conv2d(7, 7, 3, padding=1)
        self.second, self.last = nn.Conv2d(7, 7, 3, padding=1), nn.Conv2d(7, 4, 1)
        self.shortcut = nn.Conv2d(7, 7, 1) if shortcut else nn.Identity()
        self.relu, self.twice = relu, twice

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.stem(x))
        made = self.second(torch.relu(self.first(x)))
        total = made + self.shortcut(x)
        out = self.last(torch.relu(total) if self.relu else total)
        return out + made.mean((2, 3), keepdim=True)[:, :4] if self.twice else out


class Broadcast(nn.Module):
    """One value per channel is added, a computed or a constant one."""

    def __init__(self, *, constant: bool) -> None:
        super().__init__()
        self.conv, self.constant = nn.Conv2d(2, 2, 3, padding=1), constant
        self.register_buffer("offset", torch.linspace(-1, 1, 18 * 17).reshape(1, 1, 18, 17))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) + (self.offset if self.constant else x.mean((2, 3), keepdim=True))


def program(net: nn.Module, **options: str) -> torch.export.ExportedProgram:
    images = np.random.default_rng(0).normal(size=(4, 2, 18, 17)).astype(np.float32)
    return quantize_ptq(net.eval(), images, **options)  # type: ignore[arg-type]


@functools.cache
def residual(shortcut: bool) -> torch.export.ExportedProgram:
    return program(Residual(shortcut=shortcut))


def lowered(net: nn.Module, **options: str) -> Model:
    torch.manual_seed(0)
    return lower(program(net, **options))


def fused(model: Model) -> list[str]:
    return [step.name for step in fuse_adds(model).steps if step.op == OP]


@pytest.mark.parametrize(
    ("net", "name"),
    [
        (Residual(), "second"),
        (Residual(relu=False), "second"),
        (Residual(shortcut=True), "shortcut"),
        (Residual(shortcut=True, twice=True), "shortcut"),
    ],
    ids=["relu", "no-relu", "the-later-one", "the-one-without-another-reader"],
)
def test_one_step_gives_the_same_integers(net: nn.Module, name: str) -> None:
    model = lowered(net)
    one = fuse_adds(model)
    assert fused(model) == [name]
    assert len(one.steps) == len(model.steps) - 1
    sample = np.random.default_rng(1).integers(-128, 128, model.inputs[0].shape).astype(np.int8)
    for a, b in zip(reference.run(model, [sample]), reference.run(one, [sample]), strict=True):
        np.testing.assert_array_equal(a, b)


def test_multiply_accumulates_are_the_convolutions() -> None:
    model = lowered(Residual())
    macs = [sum(operators()[step.op].macs(step) for step in each.steps) for each in (model, fuse_adds(model))]
    assert macs[0] == macs[1] > 0


@pytest.mark.parametrize(
    ("net", "options"),
    [
        (Residual(twice=True), {}),
        (Residual(), {"weights": "int4"}),
        (Residual(), {"activations": "int16"}),
        (Broadcast(constant=False), {}),
        (Broadcast(constant=True), {}),
    ],
    ids=["second-reader", "int4", "int16", "broadcast", "constant"],
)
def test_two_steps_stay_two(net: nn.Module, options: dict[str, str]) -> None:
    assert fused(lowered(net, **options)) == []


@pytest.mark.parametrize("end", ["output", "state"])
def test_what_is_read_after_the_end_is_kept(end: str) -> None:
    model = lowered(Residual())
    made = next(step for step in model.steps if step.name == "second").output
    if end == "output":
        model.outputs.append(made)
    else:
        model.states.append(State("kept", model.inputs[0], made, np.zeros(made.shape, np.int8)))
    assert fused(model) == []


def test_a_convolution_stays_before_what_may_write_over_a_state() -> None:
    model = lowered(Residual(shortcut=True))
    later = [
        step.name for step in fuse_adds(model, lambda step: step.name == "second").steps if step.op == OP
    ]
    assert later == ["second"]  # it runs behind the shortcut
    model.states.append(State("kept", model.inputs[0], model.outputs[0], np.zeros(1, np.int8)))
    assert not [step for step in fuse_adds(model, lambda step: step.name == "second").steps if step.op == OP]


def test_scales_without_a_form_are_kept() -> None:
    model = lowered(Residual(relu=False))
    add = next(step for step in model.steps if step.op == "add")
    for value, scale in zip((*add.inputs, add.output), (0.75, 0.5, 1.0), strict=True):
        value.quant = per_tensor(scale)
    assert fused(model) == []


@pytest.mark.parametrize("kernel_set", [PORTABLE, "armv7em"])
def test_the_arena_does_not_grow(kernel_set: str) -> None:
    model = lowered(Residual())
    arenas = [place(choose_kernels(each, kernel_set)).plan.arena_bytes for each in (fuse_adds(model), model)]
    assert arenas[0] <= arenas[1]


def test_it_pays_where_the_kernel_is_no_worse() -> None:
    step = next(step for step in fuse_adds(lowered(Residual())).steps if step.op == OP)
    assert {name for name in KERNEL_SETS if pays(step, name)} == {PORTABLE, "armv7em"}


@pytest.mark.parametrize(
    ("target", "options", "one"),
    [
        ("cortex-m3", {}, True),
        ("cortex-m4", {}, True),
        ("cortex-m4", {"tune": True}, True),
        ("cortex-m4", {"optimize": "ram"}, True),
        ("cortex-m4", {"optimize": "size"}, False),
        ("cortex-m0plus", {}, False),
        ("cortex-m0plus", {"optimize": "ram"}, False),
    ],
)
@pytest.mark.parametrize("shortcut", [False, True])
def test_bundles_are_equal_on_the_device(
    target: str, options: dict[str, object], one: bool, shortcut: bool, tmp_path: Path
) -> None:
    pt2.save(residual(shortcut), tmp_path / "net.pt2")
    manifest = bundle.export(tmp_path / "net.pt2", target, tmp_path / "bundle", **options)  # type: ignore[arg-type]
    assert (OP in [layer["op"] for layer in manifest["layers"]]) == one
    assert verify(tmp_path / "bundle", fresh=2, layer_samples=1, host=False).ok
