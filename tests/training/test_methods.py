"""On-device methods: what a step learns with them, what it needs less of, and that a board learns the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn
from torch.export import ExportedProgram

from tests.training.nets import (
    SAMPLE,
    cnn,
    int8_cnn,
    int8_swish_cnn,
    mlp,
    normed_cnn,
    silu_transformer,
    transformer,
)
from tests.training.test_step import hits
from toolkit.bundle import export
from toolkit.errors import ToolkitError
from toolkit.program import pt2
from toolkit.training.methods import methods
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step
from toolkit.verify.verify import verify

if TYPE_CHECKING:
    from tests.conftest import Cli

Net = Callable[[], nn.Module | ExportedProgram]
# a net that the method changes, and how often it must be right at least after 500 steps
LEARNS: dict[str, tuple[Net, dict[str, Any], float]] = {
    "fp16-odl": (cnn, {}, 0.6),
    "gradient-filtering": (cnn, {}, 0.6),
    "lowmem-bp": (transformer, {}, 0.6),
    "mesa": (transformer, {}, 0.6),
    "randomized-linear": (cnn, {}, 0.6),
    "tune-mode-convbn": (normed_cnn, {}, 0.6),
}
# what a board learns with a method, where that is not the net above and ``int8_cnn``
BOARDS: dict[str, tuple[Net, ...]] = {
    "lowmem-bp": (silu_transformer, int8_swish_cnn),
    "mesa": (transformer, cnn),
    "tune-mode-convbn": (normed_cnn,),
}
ON_BOARDS = [(name, net) for name in LEARNS for net in BOARDS.get(name, (LEARNS[name][0], int8_cnn))]


def _transposed() -> nn.Module:
    return nn.Sequential(nn.ConvTranspose2d(1, 2, 3), nn.Flatten())


def test_every_method_is_tried() -> None:
    assert sorted(LEARNS) == sorted(methods())


@pytest.mark.parametrize("name", LEARNS)
def test_a_step_with_a_method_learns(name: str) -> None:
    net, options, least = LEARNS[name]
    program = training_step(net(), torch.zeros(SAMPLE), StepSettings(method=name, options=options))
    assert hits(program, 0.0) < 0.5
    assert hits(program, 0.05) >= least


@pytest.mark.parametrize(("name", "net"), ON_BOARDS)
def test_a_board_learns_the_same(tmp_path: Path, name: str, net: Net) -> None:
    """Every layer of a step, and ten answers in a row, on the host and on Cortex-M4, to the bit."""
    settings = StepSettings(method=name, options=LEARNS[name][1])
    pt2.save(training_step(net(), torch.zeros(SAMPLE), settings), tmp_path / "step.pt2")
    export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden_count=4)
    result = verify(tmp_path / "bundle", fresh=10, layer_samples=1)
    assert result.ok, result
    assert result.exact
    assert "cortex-m4" in str(result)


@pytest.mark.parametrize(
    ("net", "settings", "error"),
    [
        (cnn, StepSettings(method="gradient"), "no on-device method is called 'gradient'"),
        (
            cnn,
            StepSettings(rule="zeroth-order", method="gradient-filtering"),
            "zeroth-order takes no gradients",
        ),
        (cnn, StepSettings(method="gradient-filtering", options={"patch": 1}), "patch"),
        (mlp, StepSettings(method="gradient-filtering"), "no convolution gives an image of at least 2 x 2"),
        (_transposed, StepSettings(method="fp16-odl"), "neither linear layers nor convolutions"),
    ],
)
def test_refuses_what_would_do_nothing(net: Net, settings: StepSettings, error: str) -> None:
    with pytest.raises(ToolkitError, match=error):
        training_step(net(), torch.zeros(SAMPLE), settings)


def test_filtered_gradients_are_those_of_patches() -> None:
    """Where values are the same all over a patch, they are autograd's but at the borders of patches."""
    from toolkit.training.methods.gradient_filtering import _Convolution, _Filtered

    x = torch.randn(1, 3, 8, 8, dtype=torch.float64).requires_grad_()
    weight = torch.randn(4, 3, 1, 1, dtype=torch.float64).requires_grad_()
    gradient = torch.randn(1, 4, 4, 4, dtype=torch.float64).repeat_interleave(2, 2).repeat_interleave(2, 3)
    conv = _Convolution(1, (0, 0), 1, 2, (0, 0))
    filtered = torch.autograd.grad(_Filtered.apply(x, weight, None, conv), (x, weight), gradient)  # type: ignore[no-untyped-call]
    exact = torch.autograd.grad(torch.nn.functional.conv2d(x, weight), (x, weight), gradient)
    torch.testing.assert_close(filtered, exact)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_gradients_in_half_precision_are_products_of_halves(kind: str) -> None:
    """Of what is rounded to halves, summed in more, and the input's gradient rounded once more."""
    from toolkit.training.methods.fp16_odl import _fitting, _Half

    layer = nn.Linear(9, 7) if kind == "linear" else nn.Conv2d(3, 4, 3, stride=2, padding=1, groups=1)
    x = torch.randn(1, 9) if kind == "linear" else torch.randn(1, 3, 7, 7)
    graph = torch.export.export(layer, (x,)).module().graph
    (node,) = (node for node in graph.nodes if node.op == "call_function" and len(node.args) > 2)
    assert layer.bias is not None
    given: list[torch.Tensor] = [x.requires_grad_(), layer.weight, layer.bias]
    y = _Half.apply(*given, _fitting(node))  # type: ignore[no-untyped-call]
    gradient = torch.randn(y.shape)
    found = torch.autograd.grad(y, given, gradient)
    exact = [value.detach().half().double().requires_grad_() for value in given[:2]]
    exact.append(layer.bias.detach().double().requires_grad_())
    wanted_y = torch.func.functional_call(layer.double(), {"weight": exact[1], "bias": exact[2]}, (exact[0],))
    wanted = torch.autograd.grad(wanted_y, exact, gradient.half().double())
    assert torch.equal(y, y.half().float())
    torch.testing.assert_close(y.double(), wanted_y, rtol=2**-11, atol=1e-6)
    torch.testing.assert_close(found[0].double(), wanted[0], rtol=2**-11, atol=1e-6)
    assert torch.equal(found[0], found[0].half().float())
    for one, other in zip(found[1:], wanted[1:], strict=True):
        torch.testing.assert_close(one.double(), other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("net", "most"), [(mlp, 0.55), (cnn, 0.55), (int8_cnn, 0.7)])
def test_half_precision_takes_half_the_memory(net: Net, most: float) -> None:
    from toolkit.training.budget import arena_bytes

    sample, plain = torch.zeros(SAMPLE), StepSettings()
    half = arena_bytes(net(), sample, StepSettings(method="fp16-odl"), "armv7em")
    assert half <= most * arena_bytes(net(), sample, plain, "armv7em")


def test_the_command_takes_a_method(cli: Cli, tmp_path: Path) -> None:
    pt2.save(int8_cnn(), tmp_path / "model.pt2")
    step = tmp_path / "step.pt2"
    cli(
        "train-step", tmp_path / "model.pt2", "-o", step, "--method", "gradient-filtering", "--set", "patch=4"
    )
    training = pt2.load(step)[1]["training"]
    assert (training["method"], training["options"]) == ("gradient-filtering", {"patch": 4})
    wrong = cli("train-step", tmp_path / "model.pt2", "-o", step, "--set", "patch")
    assert wrong.code != 0
    assert "'patch' is no option" in wrong.err
