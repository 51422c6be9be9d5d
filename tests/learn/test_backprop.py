"""Training by backpropagation on the bundled digits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from toolkit.data import Dataset, load
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.learn import TrainSettings, find, rules
from toolkit.learn.batches import batches, shift
from toolkit.learn.evaluate import accuracy, predict
from toolkit.learn.loop import train
from toolkit.learn.schedule import learning_rate


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def mlp(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def test_learns_digits_and_reports_what_it_did(digits: Dataset) -> None:
    model, seen = mlp(), []
    settings = TrainSettings(
        epochs=20, batch_size=32, learning_rate=0.02, label_smoothing=0.05, weight_decay=0.05
    )
    result = train(model, digits, settings=settings, progress=seen.append)
    assert result.test_accuracy is not None
    assert result.test_accuracy > 0.96
    assert result.test_accuracy == accuracy(model, digits.x_test, digits.y_test)
    assert seen == result.epochs
    assert [epoch.epoch for epoch in seen] == list(range(1, 21))
    assert seen[-1].train_loss < seen[0].train_loss / 2
    assert result.seconds == pytest.approx(sum(epoch.seconds for epoch in seen))
    assert not model.training


def test_seed_decides_the_weights_and_the_callers_generator_is_left_alone(digits: Dataset) -> None:
    settings = TrainSettings(epochs=2, shift_pixels=1)
    weights = []
    for seed in (3, 3, 4):
        model = mlp()
        torch.manual_seed(77 + seed)
        before = torch.get_rng_state()
        train(model, digits, settings=replace(settings, seed=seed))
        assert torch.equal(before, torch.get_rng_state())
        weights.append(model[1].weight)
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_autoencoder_learns_to_repeat_its_input(digits: Dataset) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 64), nn.Unflatten(1, (1, 8, 8))
    )
    result = train(
        model, digits, settings=TrainSettings(epochs=15, batch_size=32, learning_rate=0.01, loss="mse")
    )
    spread = float(((digits.x_test - digits.x_train.mean(0)) ** 2).mean())
    assert result.epochs[-1].test_loss < 0.4 * spread
    assert result.test_accuracy is None
    expected = float(((predict(model, digits.x_test) - digits.x_test) ** 2).mean())
    assert result.epochs[-1].test_loss == pytest.approx(expected, rel=1e-5)


def test_loss_that_is_not_finite_stops_the_run(digits: Dataset) -> None:
    x = digits.x_train.copy()
    x[700, 0, 3, 3] = np.nan
    with pytest.raises(ToolkitError, match="loss is nan in epoch 1, step") as error:
        train(mlp(), replace(digits, x_train=x), settings=TrainSettings(epochs=1))
    assert error.value.exit_code == CHECK_FAILED
    assert "learning_rate" in error.value.fix


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"learning_rate": -1}, {"warmup": 1}, {"schedule": "step"}])
def test_unusable_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ToolkitError, match=next(iter(wrong))):
        TrainSettings(**wrong)


def test_weights_decay_but_biases_do_not(digits: Dataset) -> None:
    class OnlyWeights(nn.Linear):
        """Its output does not depend on its parameters: decay alone moves them."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) * 0

    model = nn.Sequential(nn.Flatten(), OnlyWeights(64, 10))
    weight, bias = model[1].weight.detach().clone(), model[1].bias.detach().clone()
    train(model, digits, settings=TrainSettings(epochs=1, weight_decay=0.1))
    assert model[1].weight.abs().sum() < weight.abs().sum()
    assert torch.equal(model[1].bias, bias)


@pytest.mark.parametrize("schedule", ["cosine", "one-cycle"])
def test_schedule_rises_to_its_peak_and_falls_to_nearly_nothing(schedule: str) -> None:
    settings = TrainSettings(learning_rate=0.5, warmup=0.2, schedule=schedule)
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    peak = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.5, rel=1e-2)
    assert peak in (19, 20)
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert 0 <= rates[-1] < 1e-3


def test_an_epoch_holds_every_sample_once() -> None:
    x = torch.arange(130.0)[:, None]
    y = torch.arange(130)
    parts = list(batches(x, y, TrainSettings(batch_size=32)))
    assert [len(part) for part, _ in parts] == [32, 32, 32, 32, 2]
    assert sorted(torch.cat([labels for _, labels in parts]).tolist()) == list(range(130))
    assert all(torch.equal(samples[:, 0], labels.float()) for samples, labels in parts)


def test_a_last_batch_of_one_is_left_out() -> None:
    parts = list(
        batches(torch.zeros(33, 4), torch.zeros(33, dtype=torch.int64), TrainSettings(batch_size=32))
    )
    assert [len(part) for part, _ in parts] == [32]


def test_shift_moves_images_whole_and_by_no_more_than_asked() -> None:
    torch.manual_seed(0)
    images = torch.zeros(500, 2, 9, 7)
    images[:, 0, 4, 3] = 1
    images[:, 1, 4, 4] = 2
    moved = shift(images, 2)
    assert moved.shape == images.shape
    one, two = (moved == 1).nonzero(), (moved == 2).nonzero()
    assert len(one) == len(two) == 500
    offsets = one[:, 2:] - torch.tensor([4, 3])
    assert torch.equal(two[:, 2:] - torch.tensor([4, 4]), offsets)
    assert offsets.unique(dim=0).shape == (25, 2)
    assert int(offsets.abs().max()) == 2


def test_rules_are_found_by_being_there() -> None:
    assert find("backprop") is rules()["backprop"]
    with pytest.raises(ToolkitError, match="no training rule is called 'backpropp'"):
        find("backpropp")
