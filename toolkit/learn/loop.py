"""The loop that every training rule shares: epochs, curves, checkpoints, the loss that is no number."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.learn import find
from toolkit.learn.batches import batches, steps_per_epoch
from toolkit.learn.checkpoint import fingerprint, restore, save
from toolkit.learn.evaluate import loss_and_hits
from toolkit.learn.loss import Objective
from toolkit.learn.rule import Learner, Setup
from toolkit.learn.schedule import learning_rate, weight_decay
from toolkit.learn.settings import Epoch, TrainResult, TrainSettings
from toolkit.learn.teacher import Teacher

if TYPE_CHECKING:
    from toolkit.data import Dataset

Progress = Callable[[Epoch], None]


def train(
    model: nn.Module,
    dataset: Dataset,
    *,
    settings: TrainSettings,
    rule: str = "backprop",
    options: Any = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
    teacher: Teacher | None = None,
) -> TrainResult:
    """Train ``model`` in place.

    Args:
        model: float32, with initial weights that the caller seeded.
        dataset: arrays, samples first.
        settings: everything the result depends on besides model, data, rule and options.
        rule: one of ``toolkit.learn.rules()``.
        options: the rule's ``Options``; default: its defaults.
        checkpoint: file written after each epoch; where it exists already, training goes on from it.
        progress: called after each epoch, those before a resumption included.
        teacher: a model whose answers count besides the labels.

    Returns:
        The curves; ``model`` holds the last epoch's weights, in evaluation mode.

    Raises:
        ToolkitError: the rule cannot train the model, the loss is no longer finite, or the checkpoint is damaged or of
            another run.
    """
    chosen = find(rule)
    setup = Setup(settings, options or chosen.Options(), Objective(settings, teacher))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        this = ""
        if checkpoint is not None:
            data = _arrays(dataset) + (teacher.state() if teacher else [])
            this = fingerprint(f"{rule} {setup.options}", settings, model.state_dict(), data)
        learner = chosen.learner(model, dataset, setup)
        return _run(model, learner, dataset, settings, this, checkpoint, progress)


def _run(
    model: nn.Module,
    learner: Learner,
    dataset: Dataset,
    settings: TrainSettings,
    this: str,
    checkpoint: Path | None,
    progress: Progress | None,
) -> TrainResult:
    x, y, x_test, y_test = _arrays(dataset)
    epochs = [] if checkpoint is None else restore(checkpoint, this, model, learner)
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
    steps = steps_per_epoch(len(x), settings)
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


def _arrays(dataset: Dataset) -> list[Tensor]:
    arrays = (dataset.x_train, dataset.y_train, dataset.x_test, dataset.y_test)
    return [torch.from_numpy(array) for array in arrays]


def _tell(progress: Progress | None, epoch: Epoch) -> None:
    if progress is not None:
        progress(epoch)
