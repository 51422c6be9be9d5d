"""Tasks one after another, by one network, and what it still knows of the old ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from toolkit.learn.batches import batches, steps_per_epoch
from toolkit.learn.evaluate import accuracy
from toolkit.learn.loss import Objective
from toolkit.learn.rule import NoOptions, Setup
from toolkit.learn.schedule import learning_rate
from toolkit.spiking.methods.hlop import Hlop, Memory

if TYPE_CHECKING:
    from toolkit.data.splits import Task
    from toolkit.learn.settings import TrainSettings

SAMPLES = 2000  # of a task, from which lateral connections learn


class Outputs(nn.Module):
    """``model`` asked for some of its outputs only."""

    def __init__(self, model: nn.Module, chosen: list[int]) -> None:
        super().__init__()
        self.model, self.chosen = model, chosen

    def forward(self, x: Tensor) -> Tensor:
        """Return the chosen logits."""
        logits: Tensor = self.model(x)[:, self.chosen]
        return logits


@dataclass(frozen=True)
class Continual:
    """``accuracy[i][j]``: of task ``j`` after task ``i`` was learnt, ``j`` at most ``i``."""

    accuracy: list[list[float]]

    @property
    def average(self) -> float:
        """The mean accuracy over all tasks at the end."""
        return sum(self.accuracy[-1]) / len(self.accuracy[-1])

    @property
    def forgetting(self) -> float:
        """How much of its accuracy a task has lost by the end, on average over all tasks but the last."""
        lost = [self.accuracy[task][task] - self.accuracy[-1][task] for task in range(len(self.accuracy) - 1)]
        return sum(lost) / len(lost) if lost else 0.0


def train(
    model: nn.Module,
    tasks: Sequence[Task],
    settings: TrainSettings,
    memory: Memory | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Continual:
    """Train ``model`` in place, task by task, by gradient descent.

    Args:
        model: with outputs for every task.
        tasks: in order.
        settings: of each task.
        memory: what keeps the old tasks (``hlop``); None: nothing does.
        progress: called after each epoch with epochs done, all epochs, and what runs.

    Raises:
        ToolkitError: ``memory`` cannot keep what this model learns; the layer is named.
    """
    outputs = [output for task in tasks for output in task.outputs]
    shared = len(set(outputs)) < len(outputs)
    rows = []
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        for index, task in enumerate(tasks):
            view = Outputs(model, task.outputs)
            learner = Hlop(view, Setup(settings, NoOptions(), Objective(settings)), memory or Memory())
            for epoch in range(settings.epochs):
                _epoch(learner, task, settings, epoch)
                if progress is not None:
                    done = index * settings.epochs + epoch + 1
                    progress(done, len(tasks) * settings.epochs, f"task {index + 1}")
            view.eval()
            if memory is not None and index + 1 < len(tasks):
                x = torch.from_numpy(task.dataset.x_train)
                memory.learn(view, x[torch.randperm(len(x))[:SAMPLES]], head=shared)
            rows.append([_score(model, old) for old in tasks[: index + 1]])
    return Continual(rows)


def _epoch(learner: Hlop, task: Task, settings: TrainSettings, epoch: int) -> None:
    x, y = torch.from_numpy(task.dataset.x_train), torch.from_numpy(task.dataset.y_train)
    learner.model.train()
    steps = steps_per_epoch(len(x), settings)
    for step, (inputs, targets) in enumerate(batches(x, y, settings), start=epoch * steps):
        learner.step(inputs, targets, learning_rate(step, steps * settings.epochs, settings), 0.0)


def _score(model: nn.Module, task: Task) -> float:
    return accuracy(Outputs(model, task.outputs).eval(), task.dataset.x_test, task.dataset.y_test)
