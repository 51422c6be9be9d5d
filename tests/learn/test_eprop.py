"""Eligibility propagation: the gradient where theory says so, memory that does not follow time, refusals by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from toolkit import data, models
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings, find
from toolkit.learn.eprop import Eprop, Options
from toolkit.learn.loss import Objective
from toolkit.learn.memory import peak_bytes
from toolkit.learn.rule import Setup
from toolkit.spiking.neurons import LI, CubaLI, CubaLIF, Firing, I, Timing
from toolkit.spiking.time import EachStep, InTime

TIMING = Timing(1e-3)


def _net(**settings: Any) -> nn.Module:
    torch.manual_seed(0)
    return models.build("spiking_rnn", "digits", **{"hidden": (24,), **settings})


class _Cuba(nn.Module):
    """Current-based neurons, without biases, and a read-out that does not leak."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        neurons = CubaLIF(TIMING, Firing(), tau_syn=3e-3, tau_mem=8e-3, r=20.0)
        feed = nn.Sequential(nn.Flatten(), nn.Linear(64, 12, bias=False))
        self.layers = InTime(
            EachStep(feed), neurons, EachStep(nn.Linear(12, 10, bias=False)), I(TIMING, 100.0)
        )

    def encode(self, x: Tensor) -> list[Tensor]:
        return [x] * 9

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.layers(torch.stack(self.encode(x)))
        return outputs.mean(0)


def _learner(model: nn.Module, options: Options, **settings: Any) -> Eprop:
    chosen = TrainSettings(**settings)
    return Eprop(model, Setup(chosen, options, Objective(chosen)))


def _gradients(model: nn.Module, x: Tensor, y: Tensor, options: Options) -> dict[str, Tensor]:
    learner = _learner(model, options)
    with torch.no_grad():
        learner.gradients(model.encode(x), x, y)  # type: ignore[operator]
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def _through_time(model: nn.Module, x: Tensor, y: Tensor, error: str) -> dict[str, Tensor]:
    """Backpropagation through time, of the mean's loss or the mean of the losses."""
    model.zero_grad()
    if error == "end":
        loss = nn.functional.cross_entropy(model(x), y)
    else:
        outputs = model.layers(torch.stack(model.encode(x)))  # type: ignore[operator]
        loss = torch.stack([nn.functional.cross_entropy(each, y) for each in outputs]).mean()
    loss.backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }


def _batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    return 2 * torch.rand(6, 1, 8, 8), torch.arange(6)


FORWARD: dict[str, Any] = {
    "lif": lambda: _net(recurrent=False),
    "adaptive": lambda: _net(recurrent=False, neuron="adaptive"),
    "reset to zero": lambda: _net(recurrent=False, reset="zero", discretisation="euler"),
    "current-based": _Cuba,
}


@pytest.mark.parametrize("error", ["end", "step"])
@pytest.mark.parametrize("name", FORWARD)
def test_without_recurrence_it_is_the_gradient(name: str, error: Any) -> None:
    """One hidden layer, the read-out's own weights as feedback: nothing is left out (section 3 of the paper)."""
    model, (x, y) = FORWARD[name](), _batch()
    wanted = _through_time(model, x, y, error)
    found = _gradients(model, x, y, Options(error=error))
    assert wanted.keys() == found.keys()
    for weight, gradient in wanted.items():
        assert gradient.abs().max() > 0, weight
        torch.testing.assert_close(found[weight], gradient, rtol=1e-4, atol=1e-6, msg=weight)


@pytest.mark.parametrize("neuron", ["lif", "adaptive"])
def test_with_recurrence_it_points_the_same_way(neuron: str) -> None:
    """What went through other neurons is left out, and nothing else."""
    model, (x, y) = _net(neuron=neuron), _batch()
    wanted, found = _through_time(model, x, y, "end"), _gradients(model, x, y, Options())
    assert wanted.keys() == found.keys()
    for name, gradient in wanted.items():
        cosine = nn.functional.cosine_similarity(gradient.flatten(), found[name].flatten(), 0)
        assert cosine > 0.9, name
        if "layers.2" in name:
            torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-6)
        else:
            assert cosine < 0.99999, name


@pytest.mark.parametrize(
    "options",
    [Options(), Options(error="step"), Options(error="step", filtered=False), Options(feedback="random")],
    ids=str,
)
def test_memory_does_not_follow_time(options: Options) -> None:
    digits = data.load("digits", limit=8)
    x, y = torch.from_numpy(digits.x_train[:4]), torch.from_numpy(digits.y_train[:4])
    peaks = [peak_bytes(_learner(_net(repeats=repeats), options, batch_size=4), x, y) for repeats in (1, 8)]
    assert peaks[0] == peaks[1]
    through_time = []
    for repeats in (1, 8):
        settings = TrainSettings(batch_size=4)
        rule = find("backprop").learner(
            _net(repeats=repeats), digits, Setup(settings, None, Objective(settings))
        )
        through_time.append(peak_bytes(rule, x, y))
    assert through_time[1] > 4 * through_time[0]
    if not options.filtered:
        assert peaks[1] < 0.5 * through_time[1]


def test_every_layer_learns_when_there_are_several() -> None:
    model, (x, y) = _net(hidden=(16, 12)), _batch()
    found = _gradients(model, x, y, Options())
    assert all(gradient.abs().max() > 0 for gradient in found.values())
    assert found.keys() == dict(model.named_parameters()).keys()
    again = _gradients(model, x, y, Options())
    assert all(torch.equal(found[name], again[name]) for name in found)  # random feedback stays the same


class _Own(nn.Module):
    """``layers`` and ``encode`` with something in them that cannot learn this way."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def encode(self, x: Tensor) -> list[Tensor]:
        return [x]


def _last() -> tuple[nn.Module, ...]:
    return EachStep(nn.Linear(4, 2)), LI(TIMING, 1e-2)


NEURONS = CubaLIF(TIMING, Firing(), tau_syn=3e-3, tau_mem=8e-3)
REFUSED: dict[str, tuple[Any, str, str]] = {
    "no time": (lambda: models.build("mlp"), "go through time", "Mlp"),
    "no encode": (lambda: nn.Sequential(nn.Linear(4, 2)), "go through time", "Sequential"),
    "convolution": (lambda: _Own(EachStep(nn.Conv2d(1, 4, 3)), NEURONS, *_last()), "linear layers", "layers.0"),
    "no neuron": (lambda: _Own(EachStep(nn.Linear(4, 4)), nn.ReLU(), *_last()), "linear layers", "layers.1"),
    "read-out": (
        lambda: _Own(EachStep(nn.Linear(4, 4)), NEURONS, EachStep(nn.Linear(4, 2)), CubaLI(TIMING, 1e-3, 1e-3)),
        "reads out of CubaLI",
        "layers.3",
    ),
    "too short": (lambda: _Own(*_last()), "a hidden layer", "layers"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_it_cannot_train_is_named(name: str) -> None:
    make, message, at = REFUSED[name]
    with pytest.raises(ToolkitError, match=message) as caught:
        _learner(make(), Options())
    assert caught.value.at == at


def test_a_weight_outside_the_layers_is_named() -> None:
    model = _net()
    model.register_parameter("scale", nn.Parameter(torch.ones(1)))
    with pytest.raises(ToolkitError, match="cannot train this") as caught:
        _learner(model, Options())
    assert caught.value.at == "scale"
