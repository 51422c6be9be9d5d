"""Distillation, labels that are not asked for, the two-phase schedule, bfloat16."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit.data import Dataset, load
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings
from toolkit.learn.evaluate import accuracy, loss_and_hits
from toolkit.learn.loop import train
from toolkit.learn.loss import cross_entropy
from toolkit.learn.schedule import learning_rate, weight_decay
from toolkit.learn.teacher import Teacher


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def mlp(hidden: int = 32) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 10))


def test_a_student_learns_from_its_teacher_alone(digits: Dataset) -> None:
    settings = TrainSettings(epochs=8, learning_rate=1e-2)
    teacher = mlp(64)
    train(teacher, digits, settings=settings)
    student = mlp()
    lies = replace(digits, y_train=np.roll(digits.y_train, 1))  # with share 1, labels are not listened to
    train(student, lies, settings=settings, teacher=Teacher(teacher, share=1.0))
    assert accuracy(student, digits.x_test, digits.y_test) > 0.9


def test_the_loss_is_hintons() -> None:
    torch.manual_seed(0)
    logits, answers = torch.randn(2, 5, 3), torch.randn(2, 5, 3)
    targets = torch.tensor([[0, -1, 2, -1, 1], [1, -1, -1, 0, 2]])
    teacher = Teacher(_Answers(answers), share=0.25, temperature=3.0)
    labelled = cross_entropy(logits, targets)
    found = teacher.loss(labelled, logits, torch.zeros(2, 5))
    p, q = ((each / 3).softmax(-1) for each in (answers, logits))
    # unlabelled places teach, too
    expected = 0.75 * labelled + 0.25 * 9 * (p * (p / q).log()).sum(-1).mean()
    torch.testing.assert_close(found, expected)


class _Answers(nn.Module):
    def __init__(self, answers: torch.Tensor) -> None:
        super().__init__()
        self.answers = answers

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.answers


def test_another_teacher_is_another_run(digits: Dataset, tmp_path: Path) -> None:
    settings = TrainSettings(epochs=1)
    teacher = Teacher(mlp(8), share=0.5)
    train(mlp(), digits, settings=settings, checkpoint=tmp_path / "run.pt", teacher=teacher)
    train(mlp(), digits, settings=settings, checkpoint=tmp_path / "run.pt", teacher=copy.deepcopy(teacher))
    with pytest.raises(ToolkitError, match="another run"):
        train(
            mlp(),
            digits,
            settings=settings,
            checkpoint=tmp_path / "run.pt",
            teacher=replace(teacher, share=0.4),
        )


def test_labels_not_asked_for_count_in_neither_loss_nor_accuracy() -> None:
    logits = torch.tensor([[[9.0, 0], [0, 9], [9, 0]]])
    y = torch.tensor([[0, 0, -1]])
    loss, hits = loss_and_hits(_Answers(logits), torch.zeros(1, 3), y, labels=True)
    assert hits == 0.5
    assert loss == pytest.approx(float(nn.functional.cross_entropy(logits[0, :2], y[0, :2])))
    assert accuracy(_Answers(logits), np.zeros((1, 3), np.float32), y.numpy()) == 0.5


def test_two_phases() -> None:
    settings = TrainSettings(learning_rate=0.3, warmup=0.1, weight_decay=0.1, schedule="two-phase")
    rates = [learning_rate(step, 100, settings) for step in range(100)]
    assert max(rates) == pytest.approx(0.3)
    assert rates[49] == pytest.approx(0.2, rel=0.03)
    assert rates[50] == pytest.approx(0.1)
    assert rates[9:] == sorted(rates[9:], reverse=True)
    assert 0 < rates[99] < 0.003
    assert [weight_decay(step, 100, settings) for step in (0, 49, 50, 99)] == [0.1, 0.1, 0, 0]
    assert weight_decay(99, 100, replace(settings, schedule="cosine")) == 0.1


def test_bfloat16_learns_and_leaves_float32_weights(digits: Dataset) -> None:
    model = mlp()
    result = train(model, digits, settings=TrainSettings(epochs=6, learning_rate=1e-2, precision="bfloat16"))
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert result.test_accuracy is not None
    assert result.test_accuracy > 0.9
    plain = mlp()
    train(plain, digits, settings=TrainSettings(epochs=6, learning_rate=1e-2))
    assert not torch.equal(plain[1].weight, model[1].weight)
