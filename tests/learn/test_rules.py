"""Every training rule: it learns, says what it cannot train, and goes on from a checkpoint to the same bits."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.quantize.test_text_and_graph_to_c import rings
from toolkit import models
from toolkit.data import Dataset, load
from toolkit.data.tasks import whole_graph
from toolkit.errors import ToolkitError
from toolkit.learn import Epoch, TrainSettings, find, network, rules
from toolkit.learn.blocks import blocks
from toolkit.learn.evaluate import accuracy
from toolkit.learn.loop import train

SETTINGS = TrainSettings(epochs=4, batch_size=32, learning_rate=1e-2)


@dataclass(frozen=True)
class Case:
    """What a rule reaches on the digits within ``SETTINGS``, as one that is right does; a broken one is far below."""

    accuracy: float
    settings: TrainSettings = SETTINGS
    options: dict[str, Any] | None = None
    pretrained: bool = (
        False  # it starts from a network trained on upright digits, and the digits lie on their side
    )
    network: dict[str, Any] = field(default_factory=lambda: {"hidden": (64, 32)})


MOVES = replace(SETTINGS, batch_size=64)  # for steps along noise
GRAPH = TrainSettings(epochs=80, batch_size=1, learning_rate=2e-2)  # one sample: the whole graph
SWARM = TrainSettings(epochs=2, batch_size=240, learning_rate=0.3)  # losses of few samples mislead a swarm
NARROW, WIDE = {"hidden": (16,)}, {"hidden": (64,)}
GRAPH_NET = {
    "family": "gcn", "preset": "cora", "input_shape": (40, 12), "classes": 2, "edges": rings().edges,
}  # fmt: skip
ROWS = {
    "family": "spiking_delays", "preset": "fsdd", "input_shape": (8, 8), "hidden": (64,), "max_delay": 3,
    "tau": 32e-3, "input_dropout": 0.0, "dropout": 0.0,
}  # fmt: skip
CASES = {
    "auglocal": Case(0.90),
    "backprop": Case(0.92),
    "collaborative-ff": Case(0.88),
    "counter-current": Case(0.88),
    "dcls-delays": Case(0.85, replace(SETTINGS, epochs=6), network=ROWS),
    "deeply-supervised": Case(0.92),
    "dfa": Case(0.88),
    "eprop": Case(0.65, network={"hidden": (96,)}),
    "forward-gnn": Case(0.8, GRAPH, network=GRAPH_NET),
    "gb-nn": Case(0.85, replace(SETTINGS, epochs=6), network=WIDE),
    "gradient-noise": Case(0.75),
    "lls": Case(0.75),
    "momentum-aux": Case(0.85),
    "mono-forward": Case(0.90),
    "noprop": Case(0.93, network={}),
    "phyff": Case(0.80),
    "pso-neuron": Case(0.75, SWARM, {"particles": 12, "neurons": 26, "moves": 2}, network=NARROW),
    "sparse-mezo": Case(0.13, MOVES, {"moved": 0.5}, pretrained=True),
    "tract": Case(0.93),
    "zeroth-order": Case(0.2, MOVES, {"queries": 2}, pretrained=True),
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def lying(digits: Dataset) -> Dataset:
    """The digits on their side, on which a network for upright ones is little better than chance."""
    turned = [np.ascontiguousarray(np.rot90(x, 1, (2, 3))) for x in (digits.x_train, digits.x_test)]
    return replace(digits, x_train=turned[0], x_test=turned[1])


def fresh(rule: str = "backprop") -> nn.Module:
    """Return a network for a rule, of the family that it insists on or an MLP."""
    torch.manual_seed(0)
    return models.build(**{"family": "mlp", "preset": "digits", **CASES[rule].network, **network(rule)})


def few(rule: str) -> Dataset:
    if CASES[rule].network is GRAPH_NET:
        return whole_graph.make(rings(), 0)
    return of_kind(rule, load("digits", limit=128))


def of_kind(rule: str, digits: Dataset) -> Dataset:
    """Return digits as the rule's network takes them: one that goes through time is given row after row."""
    if CASES[rule].network is not ROWS:
        return digits
    return replace(digits, x_train=digits.x_train[:, 0], x_test=digits.x_test[:, 0])


@pytest.fixture(scope="module")
def upright(digits: Dataset) -> nn.Module:
    model = fresh()
    train(model, digits, settings=replace(SETTINGS, epochs=4, label_smoothing=0.2))
    return model


def test_every_rule_has_a_case() -> None:
    assert set(CASES) == set(rules())


@pytest.mark.parametrize("rule", CASES)
def test_it_learns(rule: str, digits: Dataset, lying: Dataset, upright: nn.Module) -> None:
    case = CASES[rule]
    model = copy.deepcopy(upright) if case.pretrained else fresh(rule)
    options = find(rule).Options(**case.options or {})
    data = few(rule) if case.network is GRAPH_NET else lying if case.pretrained else of_kind(rule, digits)
    result = train(model, data, settings=case.settings, rule=rule, options=options)
    assert result.test_accuracy is not None
    assert result.test_accuracy >= case.accuracy
    assert not model.training


class Killed(Exception):
    """Stands for the power going off."""


@pytest.mark.parametrize("rule", CASES)
def test_it_goes_on_where_it_was(rule: str, tmp_path: Path) -> None:
    data, settings = few(rule), replace(SETTINGS, epochs=3)

    def dies(epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise Killed

    whole, resumed = fresh(rule), fresh(rule)
    train(whole, data, settings=settings, rule=rule)
    with pytest.raises(Killed):
        train(fresh(rule), data, settings=settings, rule=rule, checkpoint=tmp_path / "run", progress=dies)
    train(resumed, data, settings=settings, rule=rule, checkpoint=tmp_path / "run")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name


ZEROTH = [
    {"optimizer": "sign"}, {"optimizer": "momentum"}, {"optimizer": "adam"}, {"optimizer": "conservative"},
    {"estimate": "forward-gradient", "noise": "normal"}, {"block_wise": True}, {"backprop_blocks": 1},
    {"sparsity": 0.5},
]  # fmt: skip
RATES = {"sign": 1e-2, "momentum": 1e-3, "adam": 1e-2}


@pytest.mark.parametrize("options", ZEROTH, ids=str)
def test_all_of_the_zeroth_order_family_come_closer(
    options: dict[str, Any], lying: Dataset, upright: nn.Module
) -> None:
    chosen = find("zeroth-order").Options(**options)
    rate = RATES.get(chosen.optimizer, 1e-2)
    settings = replace(SETTINGS, epochs=2, learning_rate=rate, batch_size=64)
    result = train(copy.deepcopy(upright), lying, settings=settings, rule="zeroth-order", options=chosen)
    with torch.no_grad():
        logits = upright(torch.from_numpy(lying.x_test))
    before = nn.functional.cross_entropy(logits, torch.from_numpy(lying.y_test))
    assert result.epochs[-1].test_loss < 0.9 * before


def test_the_two_estimates_of_a_slope_agree() -> None:
    from toolkit.learn.loss import Objective
    from toolkit.learn.rule import Setup
    from toolkit.learn.zeroth_order import Options, ZerothOrder

    x, y = torch.randn(8, 1, 8, 8), torch.arange(8)
    slopes = []
    for estimate in ("two-sided", "forward-gradient"):
        model = fresh().double()
        options = Options(estimate=estimate, epsilon=1e-5)  # type: ignore[arg-type]
        learner = ZerothOrder(model, Setup(SETTINGS, options, Objective(SETTINGS)))
        before = [parameter.clone() for parameter in model.parameters()]
        learner.step(x.double(), y, 1.0, 0.0)
        moved = zip(before, model.parameters(), strict=True)
        slopes.append(torch.cat([(a - b).flatten() for a, b in moved]))
    assert torch.allclose(slopes[0], slopes[1], rtol=1e-5)
    assert (
        len(slopes[0].abs().unique().round(decimals=9).unique()) == 1
    )  # all weights move alike, by the slope


OF_LABELS = [
    "auglocal", "collaborative-ff", "counter-current", "deeply-supervised", "dfa", "eprop", "forward-gnn", "gb-nn",
    "lls", "momentum-aux", "mono-forward", "noprop", "phyff",
]  # fmt: skip


@pytest.mark.parametrize("rule", OF_LABELS)
def test_rules_of_labels_refuse_other_losses(rule: str, digits: Dataset) -> None:
    with pytest.raises(ToolkitError, match="learns from labels"):
        train(fresh(rule), digits, settings=replace(SETTINGS, loss="mse"), rule=rule)


REFUSED = {
    "eprop": ("mlp", "go through time", "Mlp"),
    "forward-gnn": ("mlp", "a constant layer along the nodes", "Mlp"),
    "gb-nn": ("cnn", r"two linear layers with biases, not blocks.conv1.conv", "Cnn"),
    "pso-neuron": ("cnn", "not BatchNorm2d", "blocks.conv1.bn"),
}


@pytest.mark.parametrize("rule", REFUSED)
def test_what_a_rule_cannot_train_is_named(rule: str, digits: Dataset) -> None:
    family, message, at = REFUSED[rule]
    with pytest.raises(ToolkitError, match=message) as caught:
        train(models.build(family, "digits"), digits, settings=SETTINGS, rule=rule)
    assert caught.value.at == at


def test_groups_that_do_not_divide_the_neurons_are_refused(digits: Dataset) -> None:
    with pytest.raises(ToolkitError, match="64 hidden neurons do not make 5 equal groups"):
        train(
            fresh("gb-nn"), digits, settings=SETTINGS, rule="gb-nn", options=find("gb-nn").Options(groups=5)
        )
    with pytest.raises(ToolkitError, match=r"64 parts .* cannot share 4 steps"):
        train(fresh("gb-nn"), few("gb-nn"), settings=replace(SETTINGS, epochs=1), rule="gb-nn",
              options=find("gb-nn").Options(groups=64))  # fmt: skip


def test_the_last_groups_can_be_switched_off(digits: Dataset) -> None:
    from toolkit.learn.gb_nn import first_neurons

    model, halves = fresh("gb-nn"), []

    def look(epoch: Epoch) -> None:
        if epoch.epoch == 4:
            halves.append(copy.deepcopy(model))

    settings = replace(SETTINGS, epochs=8)
    train(model, digits, settings=settings, rule="gb-nn", progress=look)
    x = torch.from_numpy(digits.x_test)
    assert torch.equal(first_neurons(model, 64)(x), model(x))
    half = first_neurons(model, 32)
    # what two of four groups answered when the others had not learnt, to the rounding of shorter sums
    assert torch.allclose(half(x), halves[0](x), atol=1e-5)
    assert sum(each.numel() for each in half.parameters()) == 64 * 32 + 32 + 32 * 10 + 10
    scores = [accuracy(first_neurons(model, count), digits.x_test, digits.y_test) for count in (16, 32, 64)]
    assert scores[0] >= 0.7
    assert scores[0] < scores[1] <= scores[2] + 0.02
    with pytest.raises(ToolkitError, match="65 neurons are asked of a hidden layer of 64"):
        first_neurons(model, 65)


def test_a_swarm_never_makes_the_batch_worse() -> None:
    from toolkit.learn.loss import Objective
    from toolkit.learn.pso_neuron import Options, Swarms
    from toolkit.learn.rule import Setup

    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 36, 10))
    x, y = torch.randn(16, 1, 8, 8), torch.arange(16) % 10
    losses = [nn.functional.cross_entropy(net(x), y).item()]
    learner = Swarms(net, Setup(SETTINGS, Options(neurons=1), Objective(SETTINGS)))
    for _ in range(12):  # every neuron of both layers
        losses.append(float(learner.step(x, y, 0.5, 0.0)))
        assert losses[-1] == pytest.approx(nn.functional.cross_entropy(net(x), y).item(), abs=1e-5)
    assert sorted(losses, reverse=True) == losses
    assert losses[-1] < 0.8 * losses[0]


def test_virtual_nodes_hear_their_class_and_nobody_hears_them() -> None:
    from toolkit.learn.forward_gnn import with_virtual_nodes
    from toolkit.models.gcn import neighbourhood

    graph = neighbourhood(3, np.array([[0, 1], [1, 0]]))
    larger = with_virtual_nodes(graph, torch.tensor([0, -1, 0]), 2)
    assert torch.equal(larger[:3, :3], graph)
    assert not larger[:3, 3:].any()
    # three neighbours with the loop; nodes 0 and 2 have two and one
    expected = torch.tensor([(2 * 3) ** -0.5, 0, (1 * 3) ** -0.5, 1 / 3, 0])
    assert torch.allclose(larger[3], expected)
    assert torch.equal(larger[4], torch.tensor([0.0, 0, 0, 0, 1]))


@pytest.mark.parametrize(
    ("family", "preset", "count"),
    [("mlp", "mnist", 3), ("cnn", "mnist", 5), ("ds_cnn", "mlperf", 10), ("resnet8", "mlperf", 5)],
)
def test_blocks_compute_what_the_model_does(family: str, preset: str, count: int) -> None:
    torch.manual_seed(0)
    model = models.build(family, preset).eval()
    x = torch.randn(2, *models.presets(family)[preset].input_shape)
    parts = blocks(model)
    assert len(parts) == count
    values = x
    for part in parts:
        values = part(values)
    assert torch.equal(values, model(x))
    mine = [parameter for part in parts for parameter in part.parameters()]
    assert {id(parameter) for parameter in mine} == {id(parameter) for parameter in model.parameters()}


def test_what_does_not_learn_begins_no_block_and_a_dropout_does() -> None:
    model = fresh("forward-gnn")
    parts = blocks(model)
    first = [[str(node.target) for node in part.graph.nodes][1] for part in parts]  # type: ignore[union-attr]
    assert first == ["dropout", "dropout"]
    assert all("propagate" in dict(part.named_modules()) for part in parts)


def test_a_model_that_branches_on_values_is_refused_by_name() -> None:
    class Branching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(x) if x.sum() > 0 else self.fc(-x)

    with pytest.raises(ToolkitError, match="cannot be cut into blocks") as caught:
        blocks(Branching())
    assert caught.value.at == "Branching"
    with pytest.raises(ToolkitError, match="no weights"):
        blocks(nn.ReLU())
