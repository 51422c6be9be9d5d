"""Mesa: exact answers, gradients from what 8 bits say of the activations, and a smaller arena."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from tests.training.nets import SAMPLE, cnn, int8_cnn, mlp
from tests.training.test_step import RATE, batches
from toolkit.errors import ToolkitError
from toolkit.lower.arena import place
from toolkit.lower.choose import choose_kernels
from toolkit.lower.passes import lower
from toolkit.training.forward import Forward
from toolkit.training.methods.mesa import Mesa, Options, make
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step


def arena(net: nn.Module, sample: Tensor, **settings: Any) -> int:
    """Return the bytes that a step takes on a Cortex-M4."""
    lowered = lower(training_step(net, sample, StepSettings(**settings)))
    choose_kernels(lowered, "armv7em")
    return place(lowered).plan.arena_bytes


@cache
def forward() -> Forward:
    """Return a net whose layers give names to what is kept."""
    return Forward(mlp(), torch.zeros(SAMPLE))


def kept(x: Tensor, options: Options, states: dict[str, Tensor], layers: Mesa | None = None) -> Tensor:
    """Return what 8 bits keep of ``x``."""
    layers = layers or Mesa(forward(), options, 3)
    source = layers.forward.layers[0].args[0]
    assert isinstance(source, fx.Node)
    return layers._kept(x, source, states).restored()


@pytest.mark.parametrize(("shape", "axis"), [((6, 8), 1), ((1, 6, 8), 2), ((4, 6, 5), 0), ((1, 12, 5, 3), 1)])
def test_each_group_has_a_range_of_its_own(shape: tuple[int, ...], axis: int) -> None:
    torch.manual_seed(0)
    groups = 4
    sizes = torch.logspace(-3, 3, groups).repeat_interleave(shape[axis] // groups)
    x = (torch.randn(shape) + 2.0) * sizes.reshape(
        [-1 if place == axis else 1 for place in range(len(shape))]
    )
    found = kept(x, Options(groups=groups), {})
    parts = zip(found.tensor_split(groups, axis), x.tensor_split(groups, axis), strict=True)
    for part, exact in parts:
        step = (exact.max() - exact.min()) / 255
        assert (part - exact).abs().max() <= 0.5001 * step
        assert (part - exact).abs().max() > 0.2 * step  # 8 bits, not more


def test_equal_values_are_kept_exactly() -> None:
    x = torch.full((8, 8), 1e3)
    assert torch.equal(kept(x, Options(), {}), x)


def test_rounds_up_as_often_as_the_fraction_says() -> None:
    torch.manual_seed(0)
    x, options = torch.rand(4, 64), Options(stochastic=True, groups=1)
    draws = [kept(x, options, {"mesa.draw": torch.tensor([n], dtype=torch.int32)}) for n in range(400)]
    step = float(x.max() - x.min()) / 255
    mean = torch.stack(draws).mean(0)
    assert (mean - x).abs().max() < 0.15 * step  # five deviations of the mean of 400
    assert (draws[0] - x).abs().max() > 0.6 * step


def test_a_running_range_is_the_weighted_mean_of_ranges() -> None:
    options = Options(ranges="running", decay=0.75, groups=1)
    net = Forward(mlp(), torch.zeros(SAMPLE))
    layers = make(net, list(net.weights), options, 0)
    name = f"mesa.high.{net.layers[0].args[0]}"
    assert name in layers.states
    states, ranges = {**net.weights, **layers.states}, []
    for _ in range(4):
        x = torch.randn(1, 64)
        kept(x, options, states, layers)
        ranges.append(float(x.max()))
        states |= layers.renew(states)
        weights = [0.75 ** (len(ranges) - 1 - n) for n in range(len(ranges))]
        wanted = sum(w * r for w, r in zip(weights, ranges, strict=True)) / sum(weights)
        correction = 1 - 0.75 ** float(states["mesa.steps"])
        assert float(states[name]) / correction == pytest.approx(wanted, rel=1e-5)


def test_answers_are_exact_and_gradients_those_of_rounded_inputs() -> None:
    """One layer of weights: what moves it is the product of the logits' gradient and the rounded input."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 5)).eval()
    program = training_step(net, torch.zeros(SAMPLE), StepSettings(method="mesa", options={"groups": 4}))
    module = program.module(check_guards=False)
    ((x, target),) = batches(1)
    before = net[1].weight.detach().double()
    logits, _ = module(x, target, RATE)
    torch.testing.assert_close(logits, net(x), rtol=0, atol=1e-6)
    groups = x.reshape(4, 16).double()
    low, step = groups.amin(1, True), (groups.amax(1, True) - groups.amin(1, True)) / 255
    rounded = (torch.round((groups - low) / step) * step + low).reshape(1, 64)
    gradient = (torch.softmax(net(x).double(), 1) - target).T @ rounded
    moved = (before - module.get_buffer("1.weight").double()) / float(RATE)
    torch.testing.assert_close(moved, gradient, rtol=1e-3, atol=2e-5)
    exact = (torch.softmax(net(x).double(), 1) - target).T @ x.reshape(1, 64).double()
    assert (moved - exact).abs().max() > 10 * (moved - gradient).abs().max()


def test_the_arena_shrinks() -> None:
    """Six layers of SiLU, whose inputs and outputs are kept: most of the memory at a time."""
    torch.manual_seed(0)
    layers = [module for _ in range(6) for module in (nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.SiLU())]
    net = nn.Sequential(nn.Conv2d(1, 8, 1), *layers, nn.AvgPool2d(8), nn.Flatten(), nn.Linear(8, 5)).eval()
    plain = arena(net, torch.zeros(SAMPLE))
    assert arena(net, torch.zeros(SAMPLE), method="mesa") < 0.55 * plain


def test_a_pool_finds_its_maxima_in_what_is_kept() -> None:
    net = Forward(cnn(), torch.zeros(SAMPLE))
    layers = make(net, list(net.weights), Options(), 0)
    pool = next(node for node in net.graph.graph.nodes if "max_pool2d" in str(node.target))
    assert str(pool.args[0]) in layers.groups


def test_refuses_integers() -> None:
    with pytest.raises(ToolkitError, match="no layer keeps real numbers"):
        training_step(int8_cnn(), torch.zeros(SAMPLE), StepSettings(method="mesa"))
