"""Backpropagation with AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.learn import loop
from toolkit.learn.adamw import AdamW
from toolkit.learn.loss import loss_of
from toolkit.learn.rule import Progress
from toolkit.learn.settings import TrainResult, TrainSettings
from toolkit.learn.teacher import Teacher

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="backprop",
    title="Backpropagation with AdamW",
    paper="Decoupled Weight Decay Regularization, Loshchilov and Hutter 2019, arXiv 1711.05101",
    kind="learn",
    cost="memory for every layer's activations and two moments per weight",
)


def train(
    model: nn.Module,
    dataset: Dataset,
    *,
    settings: TrainSettings,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    teacher: Teacher | None = None,
) -> TrainResult:
    """Train ``model`` in place; see ``toolkit.learn.rule.Rule.train``.

    A ``teacher`` needs labels to be beside: not with the loss "mse".
    """
    with loop.seeded(settings):
        return loop.run(
            METHOD.slug,
            _Backprop(model, settings, teacher),
            model,
            dataset,
            settings=settings,
            checkpoint=checkpoint,
            progress=progress,
            depends_on=[] if teacher is None else teacher.state(),
        )


class _Backprop:
    def __init__(self, model: nn.Module, settings: TrainSettings, teacher: Teacher | None) -> None:
        self.model = model
        self.settings = settings
        self.teacher = teacher
        self.adamw = AdamW(model.parameters(), settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            outputs = self.model(inputs)
            loss = loss_of(outputs, inputs, targets, self.settings)
            if self.teacher is not None:
                loss = self.teacher.loss(loss, outputs, inputs)
        loss.backward()
        self.adamw.update(rate, decay)
        return loss.detach()

    def state_dict(self) -> dict[str, Any]:
        return self.adamw.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.adamw.optimizer.load_state_dict(state)
