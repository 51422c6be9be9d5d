"""Backpropagation with AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from __future__ import annotations

import time
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.learn.batches import batches
from toolkit.learn.checkpoint import fingerprint, restore, save
from toolkit.learn.evaluate import loss_and_hits
from toolkit.learn.loss import loss_of
from toolkit.learn.rule import Progress
from toolkit.learn.schedule import learning_rate, weight_decay
from toolkit.learn.settings import Epoch, TrainResult, TrainSettings
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
    x, y = torch.from_numpy(dataset.x_train), torch.from_numpy(dataset.y_train)
    x_test, y_test = torch.from_numpy(dataset.x_test), torch.from_numpy(dataset.y_test)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        optimizer = _adamw(model, settings)
        epochs: list[Epoch] = []
        if checkpoint is not None:
            taught = [] if teacher is None else teacher.state()
            run = fingerprint(METHOD.slug, settings, model, x, y, x_test, y_test, *taught)
            epochs = restore(checkpoint, run, model, optimizer)
        for epoch in epochs:
            _tell(progress, epoch)
        while len(epochs) < settings.epochs:
            started = time.perf_counter()
            train_loss = _epoch(model, optimizer, x, y, settings, len(epochs), teacher)
            model.eval()
            test_loss, accuracy = loss_and_hits(
                model, x_test, y_test, labels=settings.loss == "cross-entropy"
            )
            seconds = time.perf_counter() - started
            epochs.append(Epoch(len(epochs) + 1, train_loss, test_loss, accuracy, seconds))
            if checkpoint is not None:
                save(checkpoint, run, epochs, model, optimizer)
            _tell(progress, epochs[-1])
    model.eval()
    return TrainResult(settings, epochs)


def _adamw(model: nn.Module, settings: TrainSettings) -> torch.optim.AdamW:
    """Decay matrices and filters only: decaying a bias or a normalization's factor regularizes nothing."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def _epoch(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    y: Tensor,
    settings: TrainSettings,
    done: int,
    teacher: Teacher | None,
) -> float:
    """Train epoch number ``done`` (from 0) and return its mean loss."""
    model.train()
    steps = -(-len(x) // settings.batch_size)
    all_steps = steps * settings.epochs
    total, samples = 0.0, 0
    for step, (inputs, targets) in enumerate(batches(x, y, settings), start=done * steps):
        decayed, plain = optimizer.param_groups
        decayed["lr"] = plain["lr"] = learning_rate(step, all_steps, settings)
        decayed["weight_decay"] = weight_decay(step, all_steps, settings)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
            outputs = model(inputs)
            loss = loss_of(outputs, inputs, targets, settings)
            if teacher is not None:
                loss = teacher.loss(loss, outputs, inputs)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if settings.clip_norm:
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
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
