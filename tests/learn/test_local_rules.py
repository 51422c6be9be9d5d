"""What defines the rules that keep layers apart: no gradient crosses, wrong labels are wrong, any order will do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from toolkit import models
from toolkit.data import Dataset, load
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings, find
from toolkit.learn.loop import train
from toolkit.learn.loss import Objective
from toolkit.learn.memory import peak_bytes
from toolkit.learn.rule import Setup

SETTINGS = TrainSettings(epochs=4, batch_size=32, learning_rate=1e-2)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def built(family: str, **network: Any) -> nn.Module:
    torch.manual_seed(0)
    return models.build(family, "digits", **network)


def learner(
    rule: str, model: nn.Module, data: Dataset, settings: TrainSettings = SETTINGS, **options: Any
) -> Any:
    setup = Setup(settings, find(rule).Options(**options), Objective(settings))
    return find(rule).learner(model.train(), data, setup)


def batch(data: Dataset, count: int = 32) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(data.x_train[:count]), torch.from_numpy(data.y_train[:count])


@pytest.mark.parametrize("contrast", ["threshold", "pairs"])
def test_layers_that_collaborate_beat_plain_forward_forward(contrast: str, digits: Dataset) -> None:
    def accuracy(collaboration: float) -> float:
        scores = []
        for seed in range(2):
            torch.manual_seed(seed)
            model = models.build("ff_mlp", "digits")
            options = find("collaborative-ff").Options(
                collaboration=collaboration, contrast=contrast, negatives="random", sharpness=4.0
            )
            settings = replace(SETTINGS, seed=seed)
            result = train(model, digits, settings=settings, rule="collaborative-ff", options=options)
            scores.append(result.test_accuracy or 0.0)
        return sum(scores) / 2

    assert accuracy(1.0) >= accuracy(0.0) + 0.005


def test_collaboration_changes_how_much_a_layer_learns_but_not_from_what(digits: Dataset) -> None:
    """The others' goodness is a constant: a pair's gradient in a layer keeps its direction."""
    x, y = batch(digits, 1)
    found = []
    for collaboration in (0.0, 1.0):
        model = built("ff_mlp")
        one = learner("collaborative-ff", model, digits, collaboration=collaboration)
        one.adamw.update = lambda rate, decay: None  # leaves the gradients
        torch.manual_seed(1)  # the same wrong label
        one.step(x, y, 1e-3, 0.0)
        found.append([layer.weight.grad.flatten() for layer in model.layers])  # type: ignore[union-attr]
    for plain, together in zip(*found, strict=True):
        assert not torch.equal(plain, together)
        assert torch.cosine_similarity(plain, together, 0) > 1 - 1e-5


@pytest.mark.parametrize("negatives", ["random", "hard"])
def test_wrong_labels_are_all_wrong_and_all_occur(negatives: str, digits: Dataset) -> None:
    one = learner("collaborative-ff", built("ff_mlp"), digits, negatives=negatives)
    x, y = batch(digits, 1000)
    wrong = one.wrong_labels(x, y)
    assert not (wrong == y).any()
    assert set(wrong.tolist()) == set(range(10))


def test_hard_negatives_are_what_the_network_confuses(digits: Dataset) -> None:
    model = built("ff_mlp")
    train(model, digits, settings=SETTINGS, rule="collaborative-ff")
    x, y = batch(digits, 1000)
    logits = model(x).scatter(1, y[:, None], -torch.inf)

    def confused(negatives: str) -> float:
        one = learner("collaborative-ff", model, digits, negatives=negatives)
        return float((one.wrong_labels(x, y) == logits.argmax(1)).float().mean())

    assert confused("hard") > 2 * confused("random")


def test_a_pair_is_as_good_alone_as_among_all_classes(digits: Dataset) -> None:
    model = built("ff_mlp", hidden=(32, 24, 16))
    one = learner("collaborative-ff", model, digits)
    x, y = batch(digits)
    with torch.no_grad():
        alone = torch.stack(list(one.goodnesses(x, y))).sum(0)
        assert torch.allclose(model(x)[torch.arange(len(y)), y], alone, atol=1e-5)


@pytest.mark.parametrize(
    ("rule", "family", "fix"),
    [
        ("collaborative-ff", "mlp", "ff_mlp"),
        ("phyff", "cnn", "ff_mlp"),
        ("noprop", "cnn", "noprop_cnn"),
    ],
)
def test_networks_of_another_kind_are_refused_by_name(
    rule: str, family: str, fix: str, digits: Dataset
) -> None:
    with pytest.raises(ToolkitError, match=f"{rule} trains networks .*, not {family.capitalize()}") as caught:
        train(built(family), digits, settings=SETTINGS, rule=rule)
    assert fix in caught.value.fix


def test_what_would_be_ignored_is_refused(digits: Dataset) -> None:
    smooth = replace(SETTINGS, label_smoothing=0.1)
    with pytest.raises(ToolkitError, match="not from shares of labels"):
        learner("collaborative-ff", built("ff_mlp"), digits, smooth)
    with pytest.raises(ToolkitError, match="squared"):
        learner("noprop", built("noprop_cnn"), digits, smooth)
    learner("noprop", built("noprop_cnn"), digits, smooth, block_loss="cross-entropy")
    with pytest.raises(ToolkitError, match="phyff's goodness is a direction, not squares"):
        learner("phyff", built("ff_mlp"), digits)


class Analogue(nn.Module):
    """A fixed analogue circuit with a converter of 6 bits behind it, computed outside of torch."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.wires = np.random.default_rng(0).normal(0, (2 / width) ** 0.5, (width, width))

    def forward(self, x: Tensor) -> Tensor:
        volts = np.tanh(x.numpy() @ self.wires)
        return torch.from_numpy((np.round(volts * 31) / 31).astype(np.float32))


@pytest.mark.parametrize("negatives", ["random", "hard"])
def test_phyff_trains_through_a_black_box_without_gradient(negatives: str, digits: Dataset) -> None:
    def with_box() -> Any:
        model: Any = built("ff_mlp", hidden=(64, 64), goodness="direction")
        model.between[0] = Analogue(64)
        return model

    with pytest.raises(RuntimeError):  # backpropagation asks the circuit for its gradient
        train(with_box(), digits, settings=replace(SETTINGS, epochs=1))
    model = with_box()
    settings = replace(SETTINGS, epochs=8)
    result = train(
        model, digits, settings=settings, rule="phyff", options=find("phyff").Options(negatives=negatives)
    )
    assert result.test_accuracy is not None
    assert result.test_accuracy >= 0.9
    # the layer behind the box has learnt, too: it tells the classes alone
    x, y = torch.from_numpy(digits.x_test), torch.from_numpy(digits.y_test)
    with torch.no_grad():
        values = model.between[0](model.activity(0, model.flatten(x).unsqueeze(1), model.label))
        second = model.goodness(1, model.activity(1, values, model.label))
    assert (second.argmax(1) == y).float().mean() >= 0.85


@pytest.mark.parametrize("loss", ["squared", "cross-entropy"])
def test_blocks_of_noprop_learn_in_any_order(loss: str, digits: Dataset) -> None:
    models_, orders = [], ([0, 1, 2, 3], [3, 1, 0, 2])
    for order in orders:
        model = built("noprop_cnn")
        one = learner("noprop", model, digits, block_loss=loss)
        for block in order:
            one.learn(block, *batch(digits), 1e-2, 0.0)
        models_.append(model.state_dict())
    assert all(torch.equal(models_[0][name], models_[1][name]) for name in models_[0])


def test_a_block_of_noprop_learns_without_the_others(digits: Dataset) -> None:
    model = built("noprop_cnn")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    learner("noprop", model, digits).learn(2, *batch(digits), 1e-2, 0.0)
    after = model.state_dict()
    assert {name.split(".")[1] for name in after if not torch.equal(after[name], before[name])} == {"2"}


@pytest.mark.parametrize(
    "network", [{"shared": True}, {"path": "flow"}, {"shared": True, "path": "flow"}], ids=str
)
def test_noprop_in_continuous_time_and_by_flow(network: dict[str, Any], digits: Dataset) -> None:
    result = train(built("noprop_cnn", **network), digits, settings=SETTINGS, rule="noprop")
    assert result.test_accuracy is not None
    assert result.test_accuracy >= 0.93


@pytest.mark.parametrize("path", ["diffusion", "flow"])
def test_steps_of_noprop_keep_to_their_path(path: str) -> None:
    """With the right class for every guess, the chain's labels are what blocks are trained on, for one noise."""
    model: Any = built("noprop_cnn", path=path, steps=5)
    wanted, seen = torch.eye(10)[3], []

    def right(index: int, image: Tensor, label: Tensor, moment: Tensor) -> Tensor:
        seen.append((label[0], float(moment)))
        return (wanted * 1e4)[None]

    model.denoise = right
    model(torch.zeros(1, 1, 8, 8))
    assert len(seen) == 5
    for label, moment in seen:
        signal, noise = model.mixture(moment)
        assert torch.allclose(label, signal * wanted + noise * model.noise[0], atol=1e-5)


def test_noprop_answers_the_same_each_time_and_keeps_one_block_in_memory(digits: Dataset) -> None:
    model = built("noprop_cnn").eval()
    x, y = batch(digits)
    assert torch.equal(model(x), model(x))
    torch.manual_seed(1)  # the noise is the same whatever the weights are
    other = models.build("noprop_cnn")
    assert torch.equal(other.get_buffer("noise"), model.get_buffer("noise"))
    peaks = {
        rule: peak_bytes(learner(rule, built("noprop_cnn"), digits), x, y) for rule in ("noprop", "backprop")
    }
    assert peaks["noprop"] < 0.6 * peaks["backprop"]


@pytest.mark.parametrize("family", ["mlp", "cnn"])
def test_no_gradient_crosses_a_layer_in_counter_current_learning(family: str, digits: Dataset) -> None:
    """What one layer's loss says must not reach another: noise in its labels changes the last block's weights only."""
    weights = []
    for scale in (1.0, 0.0):
        model = built(family)
        one = learner("counter-current", model, digits)
        told = one.setup.objective
        one.setup = Setup(SETTINGS, None, lambda *given, told=told, scale=scale: scale * told(*given))  # type: ignore[arg-type]
        one.step(*batch(digits), 1e-2, 0.0)
        weights.append(dict(model.named_parameters()))
    changed = {
        name.rsplit(".", 1)[0] for name in weights[0] if not torch.equal(weights[0][name], weights[1][name])
    }
    last = {name.rsplit(".", 1)[0] for name in weights[0]} - {
        name.rsplit(".", 1)[0] for name in list(weights[0])[:-2]
    }
    assert changed == last


def test_counter_current_learning_wants_one_label_per_sample(digits: Dataset) -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 10, 3))
    with pytest.raises(ToolkitError, match="one label per sample"):
        learner("counter-current", model, digits)


def test_counter_current_learning_trains_a_cnn(digits: Dataset) -> None:
    result = train(
        built("cnn"), digits, settings=replace(SETTINGS, learning_rate=5e-3), rule="counter-current"
    )
    assert result.test_accuracy is not None
    assert result.test_accuracy >= 0.92


def test_each_feedback_layer_learns_from_the_block_that_it_meets(digits: Dataset) -> None:
    one = learner("counter-current", built("cnn"), digits)
    before = [parameter.clone() for parameter in one.feedback.parameters()]
    signals = one.signals()
    assert [tuple(signal.shape) for signal in signals] == [(10, 16, 8, 8), (10, 32, 4, 4), (10, 48)]
    one.step(*batch(digits), 1e-2, 0.0)
    assert all(not torch.equal(a, b) for a, b in zip(before, one.feedback.parameters(), strict=True))
