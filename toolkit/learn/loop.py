"""The loop that every training rule shares: epochs, curves, checkpoints, the loss that is no number."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor, nn

from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.learn.batches import batches
from toolkit.learn.checkpoint import fingerprint, restore, save
from toolkit.learn.evaluate import loss_and_hits
from toolkit.learn.rule import Progress
from toolkit.learn.schedule import learning_rate, weight_decay
from toolkit.learn.settings import Epoch, TrainResult, TrainSettings

if TYPE_CHECKING:
    from toolkit.data import Dataset


class Learner(Protocol):
    """What a rule makes of one model for one run: it changes the model's weights, batch by batch."""

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """Learn from a batch, with the learning rate and weight decay of this step; return its mean loss."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on beside the model and torch's generator: tensors and numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` returned."""
        ...


@contextmanager
def seeded(settings: TrainSettings) -> Iterator[None]:
    """Draw from a generator of this run's own; torch's goes on afterwards as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        yield


def run(
    rule: str,
    learner: Learner,
    model: nn.Module,
    dataset: Dataset,
    *,
    settings: TrainSettings,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    depends_on: list[Tensor] | None = None,
) -> TrainResult:
    """Train ``model`` in place with ``learner``; see ``toolkit.learn.rule.Rule.train``.

    Call it inside ``seeded``, in which the learner has drawn its own first weights.

    Args:
        rule: the rule's slug.
        depends_on: what else decides the result, for the checkpoint's fingerprint.
    """
    x, y = torch.from_numpy(dataset.x_train), torch.from_numpy(dataset.y_train)
    x_test, y_test = torch.from_numpy(dataset.x_test), torch.from_numpy(dataset.y_test)
    epochs: list[Epoch] = []
    if checkpoint is not None:
        this = fingerprint(rule, settings, model, x, y, x_test, y_test, *depends_on or [])
        epochs = restore(checkpoint, this, model, learner)
    for epoch in epochs:
        _tell(progress, epoch)
    while len(epochs) < settings.epochs:
        started = time.perf_counter()
        train_loss = _epoch(model, learner, x, y, settings, len(epochs))
        model.eval()
        test_loss, accuracy = loss_and_hits(model, x_test, y_test, labels=settings.loss == "cross-entropy")
        seconds = time.perf_counter() - started
        epochs.append(Epoch(len(epochs) + 1, train_loss, test_loss, accuracy, seconds))
        if checkpoint is not None:
            save(checkpoint, this, epochs, model, learner)
        _tell(progress, epochs[-1])
    model.eval()
    return TrainResult(settings, epochs)


def _epoch(
    model: nn.Module, learner: Learner, x: Tensor, y: Tensor, settings: TrainSettings, done: int
) -> float:
    """Train epoch number ``done`` (from 0) and return its mean loss."""
    model.train()
    steps = -(-len(x) // settings.batch_size)
    all_steps = steps * settings.epochs
    total, samples = 0.0, 0
    for step, (inputs, targets) in enumerate(batches(x, y, settings), start=done * steps):
        rate, decay = learning_rate(step, all_steps, settings), weight_decay(step, all_steps, settings)
        loss = learner.step(inputs, targets, rate, decay)
        total += loss.item() * len(inputs)
        samples += len(inputs)
        if not isfinite(total):
            raise ToolkitError(
                f"the loss is {loss.item()} in epoch {done + 1}, step {step - done * steps + 1} of {steps}",
                fix="lower learning_rate, set clip_norm = 1, and look for NaN or huge values in the data",
                exit_code=CHECK_FAILED,
            )
    return total / samples


def _tell(progress: Progress | None, epoch: Epoch) -> None:
    if progress is not None:
        progress(epoch)
