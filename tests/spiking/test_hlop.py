"""Learning task after task: what lateral connections learn, what weights may not touch, and what is forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

from toolkit import data, models
from toolkit.data.splits import by_classes
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings, continual
from toolkit.learn.continual import Continual
from toolkit.learn.loss import Objective
from toolkit.learn.rule import NoOptions, Setup
from toolkit.spiking.methods.hlop import Hlop, Memory, extract

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cli

SETTINGS = TrainSettings(epochs=6, batch_size=32, learning_rate=0.1)


def _spread(rank: int) -> torch.Tensor:
    """Inputs of which nearly all lies in ``rank`` directions of 40."""
    generator = torch.Generator().manual_seed(0)
    directions = torch.linalg.qr(torch.randn(40, rank, generator=generator))[0]
    x = torch.randn(2000, rank, generator=generator) @ directions.T
    return x + 0.01 * torch.randn(2000, 40, generator=generator)


def test_hebbian_learning_finds_the_principal_subspace() -> None:
    torch.manual_seed(0)
    x = _spread(16)
    h = extract(x, torch.zeros(0, 40), left=0.01)
    assert h.shape == (16, 40)
    torch.testing.assert_close(h @ h.T, torch.eye(16), atol=1e-5, rtol=0)
    rest = (x - x @ h.T @ h).square().sum() / x.square().sum()
    assert rest < 0.01
    assert torch.equal(extract(x, h, left=0.01), h)  # it knows all that


def test_later_steps_change_no_answer_to_what_is_known() -> None:
    torch.manual_seed(0)
    layer, x = nn.Linear(40, 3), _spread(16)
    memory = Memory(left=0.01)
    memory.learn(layer, x)
    learner = Hlop(layer, Setup(SETTINGS, NoOptions(), Objective(SETTINGS)), memory)
    before = layer(x).detach()
    fresh = torch.randn(64, 40)
    moved = layer(fresh).detach()
    for _ in range(20):
        learner.step(fresh, torch.randint(0, 3, (64,)), 0.1, 0.0)
    assert float((layer(x) - before).detach().abs().max()) < 0.05
    assert float((layer(fresh) - moved).detach().abs().max()) > 0.5


def test_forgetting_is_counted_from_when_a_task_was_learnt() -> None:
    result = Continual([[0.9], [0.7, 0.8], [0.5, 0.9, 1.0]])
    assert result.forgetting == pytest.approx((0.4 - 0.1) / 2)
    assert result.average == pytest.approx(0.8)


@pytest.mark.parametrize("shared", [True, False])
def test_old_tasks_stay(shared: bool) -> None:
    tasks = by_classes(data.load("digits"), 5, shared=shared)
    found = {}
    for way, memory in (("plain", None), ("hlop", Memory(0.03))):
        torch.manual_seed(0)
        model = models.build("spiking_mlp", "digits", hidden=[100])
        found[way] = continual.train(model, tasks, SETTINGS, memory)
    assert found["hlop"].accuracy[0] == found["plain"].accuracy[0]  # nothing to keep yet
    assert found["hlop"].forgetting < 0.03
    if shared:
        assert found["plain"].forgetting > 0.1


def test_splits_have_labels_from_zero_and_outputs_of_their_own() -> None:
    own = by_classes(data.load("digits"), 5)
    assert [task.outputs for task in own] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9]]
    assert all(set(task.dataset.y_test) == {0, 1} for task in own)
    assert sum(len(task.dataset.y_train) for task in own) == len(data.load("digits").y_train)
    assert [task.outputs for task in by_classes(data.load("digits"), 2, shared=True)] == [[0, 1, 2, 3, 4]] * 2
    for count in (3, 10):
        with pytest.raises(ToolkitError, match="do not make"):
            by_classes(data.load("digits"), count)


def test_what_it_cannot_train_is_named() -> None:
    with pytest.raises(ToolkitError, match="not a Conv2d") as caught:
        Memory().learn(models.build("cnn", "digits").eval(), torch.rand(2, 1, 8, 8))
    assert caught.value.at == "blocks.conv1.conv"
    full = Memory()
    full.lateral = {"": torch.eye(4)}
    with pytest.raises(ToolkitError, match="take all 4 inputs"):
        Hlop(nn.Linear(4, 2), Setup(SETTINGS, NoOptions(), Objective(SETTINGS)), full)


def test_the_command(cli: Cli, tmp_path: Path) -> None:
    words = ("bench", "continual", "--tasks", "2", "--epochs", "2", "--json")
    document = cli(*words, cwd=tmp_path).document
    assert [way["way"] for way in document["ways"]] == ["plain", "hlop"]
    plain, hlop = document["ways"]
    assert plain["directions"] == {}
    assert 0 < hlop["directions"]["layers.0.module"] < 64
    assert len(hlop["accuracy"][1]) == 2
    assert ElementTree.parse(tmp_path / "continual.svg").getroot().tag.endswith("svg")
