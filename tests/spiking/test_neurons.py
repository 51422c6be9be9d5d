"""Neurons solve their equations, step by step as in one go, in torch as in C."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.spiking.boards import steps_on_a_board
from toolkit.errors import ToolkitError
from toolkit.spiking import surrogate
from toolkit.spiking.neurons import (
    IF,
    LI,
    LIF,
    AdaptiveLIF,
    CubaLI,
    CubaLIF,
    Firing,
    I,
    Neuron,
    Recurrent,
    Timing,
)
from toolkit.spiking.time import EachStep, streaming

EXACT, EULER = Timing(1e-3), Timing(1e-3, "euler")
NEURONS: dict[str, Callable[[], Neuron]] = {
    "if-zero": lambda: IF(EXACT, Firing(reset="zero", v_reset=0.1), r=1000.0),
    "lif-subtract": lambda: LIF(EXACT, Firing(), tau=5e-3, r=3.0, v_leak=0.05),
    "lif-none": lambda: LIF(EULER, Firing(reset="none"), tau=5e-3, r=3.0),
    "cuba": lambda: CubaLIF(EXACT, Firing(), tau_syn=3e-3, tau_mem=8e-3, r=6.0, w_in=1.5),
    "adaptive": lambda: AdaptiveLIF(EXACT, Firing(), tau=5e-3, tau_adaptation=2e-2, strength=0.7, r=4.0),
    "li": lambda: LI(EXACT, tau=5e-3),
    "i": lambda: I(EXACT, r=10.0),
    "cuba-li": lambda: CubaLI(EXACT, tau_syn=3e-3, tau_mem=8e-3),
    "lif-each": lambda: _each(),
    "recurrent": lambda: _recurrent(),
}
STEPS = 30


def _each() -> LIF:
    """Neurons with a value each for every parameter."""
    firing = Firing(
        torch.tensor([0.5, 1.0, 1.0, 2.0]), "zero", torch.tensor([0.0, 0.1, -0.1, 0.0]), fires="above"
    )
    tau, r = torch.tensor([2e-3, 5e-3, 9e-3, 5e-3]), torch.tensor([1.0, 3.0, 4.0, 5.0])
    return LIF(EXACT, firing, tau, r, v_leak=torch.tensor([0.0, 0.0, 0.2, 0.1]))


def _recurrent() -> Recurrent:
    torch.manual_seed(0)
    return Recurrent(LIF(EXACT, Firing(), tau=5e-3, r=3.0), nn.Linear(4, 4, bias=False))


def _input(steps: int = STEPS) -> Tensor:
    return 1.5 * torch.rand(steps, 1, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("discretisation", ["exact", "euler"])
def test_a_leak_follows_its_equation(discretisation: str) -> None:
    """Constant input: the closed solution at every step, by Euler to within what its steps are off."""
    tau, r, leak, x = 20e-3, 2.0, 0.3, 0.7
    neuron = LI(Timing(1e-3, discretisation), tau, r, leak)  # type: ignore[arg-type]
    found = neuron(torch.full((100, 1, 1), x, dtype=torch.float64)).flatten()
    times = 1e-3 * (1 + np.arange(100))
    wanted = (leak + r * x) * (1 - np.exp(-times / tau))
    np.testing.assert_allclose(found, wanted, rtol=1e-9 if discretisation == "exact" else 0.03)


@pytest.mark.parametrize(("reset", "after"), [("zero", -0.25), ("subtract", 0.5), ("none", 1.5)])
def test_what_a_spike_leaves(reset: str, after: float) -> None:
    neuron = IF(Timing(1.0), Firing(reset=reset, v_reset=-0.25))  # type: ignore[arg-type]
    z, states = neuron.step(torch.tensor([[1.5, 0.5]]), (torch.zeros(1, 2),))
    assert z.tolist() == [[1.0, 0.0]]
    _, (v,) = neuron.step(torch.zeros(1, 2), states)
    assert v.tolist() == [[after, 0.5]]


def test_the_threshold_itself_spikes() -> None:
    assert surrogate.spike(torch.tensor([-1e-7, 0.0])).tolist() == [0.0, 1.0]


def test_the_threshold_itself_does_not_where_neurons_fire_above_it() -> None:
    assert surrogate.spike(torch.tensor([0.0, 1e-7]), strict=True).tolist() == [0.0, 1.0]
    assert IF(Timing(1.0), Firing())(torch.ones(1, 1, 1)) == 1.0
    assert IF(Timing(1.0), Firing(fires="above"))(torch.ones(1, 1, 1)) == 0.0


def test_a_value_for_each_neuron_is_that_neuron_alone() -> None:
    whole, x = _each(), _input()
    for i in range(4):
        firing = Firing(float(whole.v_threshold[i]), "zero", float(whole.v_reset[i]), fires="above")
        alone = LIF(EXACT, firing, float(whole.tau[i]), float(whole.r[i]), float(whole.v_leak[i]))
        assert torch.equal(alone(x[..., i]), whole(x)[..., i])


def test_an_adaptive_neuron_tires() -> None:
    neuron = AdaptiveLIF(EXACT, Firing(), tau=5e-3, tau_adaptation=50e-3, strength=2.0, r=4.0)
    spikes = neuron(torch.ones(60, 1, 1)).flatten()
    assert spikes[:20].sum() > spikes[40:].sum() > 0


def test_a_current_lags_behind_its_input() -> None:
    neuron = CubaLIF(EXACT, Firing(v_threshold=9.0), tau_syn=4e-3, tau_mem=8e-3)
    _, (i, v) = neuron.step(torch.ones(1, 1), (torch.zeros(1, 1), torch.zeros(1, 1)))
    assert float(i) == pytest.approx(1 - math.exp(-1 / 4))
    assert float(v) == pytest.approx(float(i) * (1 - math.exp(-1 / 8)))


@pytest.mark.parametrize("name", NEURONS)
def test_steps_are_the_whole(name: str) -> None:
    neuron, x = NEURONS[name](), _input()
    whole = neuron(x)
    assert whole.shape == x.shape
    step = streaming(neuron, x[0])
    with torch.no_grad():
        assert torch.equal(torch.stack([step(at) for at in x]), whole)


@pytest.mark.parametrize("name", NEURONS)
def test_a_board_spikes_as_torch_does(name: str, tmp_path: Path) -> None:
    """Two layers of neurons with weights between them, one step a run, float32 in C."""
    torch.manual_seed(1)
    net = nn.Sequential(NEURONS[name](), EachStep(nn.Linear(4, 3)), LI(EXACT, tau=5e-3)).eval()
    x = _input()
    found = steps_on_a_board(streaming(net, x[0]), x, tmp_path)
    with torch.no_grad():
        np.testing.assert_allclose(found.reshape(STEPS, 1, 3), net(x).numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", surrogate.DERIVATIVES)
def test_surrogates_give_gradients(name: surrogate.Surrogate) -> None:
    """A derivative is positive near the threshold, what autograd gets, and largest at the threshold: but for one."""
    above = torch.tensor([-0.5, -0.01, 0.0, 0.01, 0.5], requires_grad=True)
    (found,) = torch.autograd.grad(surrogate.spike(above, name).sum(), above)
    assert torch.equal(found, surrogate.DERIVATIVES[name](above, surrogate.SLOPES[name]))
    assert (found > 0).all()
    if name != "potential-dependent":
        assert int(found.argmax()) == 2
        assert torch.equal(found, found.flip(0))


def test_a_bell_follows_the_spread_of_potentials() -> None:
    """Its middle lies half a standard deviation above the threshold, and it is as wide as that deviation."""
    above = torch.linspace(-3.0, 3.0, 601)
    spread = float(above.std(correction=0))
    found = surrogate.DERIVATIVES["potential-dependent"](above, 1.0)
    assert float(above[found.argmax()]) == pytest.approx(spread / 2, abs=0.01)
    wanted = torch.exp(-0.5 * (above / spread - 0.5).square()) / (math.sqrt(2 * math.pi) * spread)
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("name", [name for name in NEURONS if name != "lif-none"])
def test_gradients_reach_the_first_step(name: str) -> None:
    x = _input().requires_grad_()
    (found,) = torch.autograd.grad(NEURONS[name]()(x).sum(), x)
    assert (found[0] != 0).any()


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Timing(0.0), "time step of 0.0 s"),
        (lambda: Timing(math.nan), "time step of nan s"),
        (lambda: LI(EXACT, tau=0.0), "time constant of 0.0 s"),
        (lambda: LI(Timing(2e-3, "euler"), tau=1e-3), "overshoot"),
        (lambda: LI(EXACT, tau=torch.tensor([1e-3, -1e-3])), "time constant of -0.001"),
    ],
)
def test_refuses_times_that_make_no_sense(make: Callable[[], object], error: str) -> None:
    with pytest.raises(ToolkitError, match=error):
        make()
