"""Train the float model. A killed run goes on from its last epoch."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit import atomic
from toolkit.project import Project
from toolkit.stages.stage import Progress, Stage, Work

if TYPE_CHECKING:
    from torch import nn

    from toolkit.data import Dataset
    from toolkit.learn import Epoch, TrainResult


def _settings(project: Project) -> dict[str, Any]:
    return {"data": asdict(project.data), "model": asdict(project.model), "train": asdict(project.train)}


def _run(work: Work) -> list[Path]:
    import torch

    from toolkit.learn import loop

    train = work.project.train
    dataset = load_dataset(work.project)
    model = build_model(work.project, dataset)
    checkpoint = work.checkpoint("train")
    with threads(train.threads), work.listener.progress("train") as progress:
        result = loop.train(
            model,
            dataset,
            settings=train.settings(),
            rule=train.rule,
            options=train.options,
            checkpoint=checkpoint,
            progress=per_epoch(progress, train.epochs),
        )
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    atomic.write_bytes(work.path("float.pt"), buffer.getvalue())
    report = {
        "rule": train.rule,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "train_samples": len(dataset.x_train),
        "test_samples": len(dataset.x_test),
        "dataset": dataset.description,
        **curves(result),
    }
    checkpoint.unlink(missing_ok=True)
    return [work.path("float.pt"), work.write("train.json", report)]


def load_dataset(project: Project) -> Dataset:
    """Return the project's dataset."""
    from toolkit import data

    chosen = project.data
    return data.load(chosen.dataset, limit=chosen.limit or None, task=chosen.task, window=chosen.window)


def deployed(project: Project, dataset: Dataset) -> Dataset:
    """Return ``dataset`` as the deployed model takes it: element by element where it streams."""
    from toolkit.data.windows import in_a_row

    return in_a_row(dataset) if project.model.stream else dataset


def build_model(project: Project, dataset: Dataset) -> nn.Module:
    """Return the project's model with the initial weights that its seed gives.

    A graph network knows its graph, a text model how long its texts are.
    """
    import numpy as np
    import torch

    from toolkit import models

    options = dict(project.model.options)
    if project.data.task == "whole-graph":
        options["edges"] = dataset.edges  # type: ignore[attr-defined]
    elif dataset.x_train.dtype == np.int64:
        options.setdefault("input_shape", dataset.x_train.shape[1:])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(project.train.seed)
        return models.build(project.model.family, project.model.preset, **options)


def trained_model(work: Work, dataset: Dataset) -> nn.Module:
    """Return the project's model with the weights that the stage ``train`` found."""
    import torch

    model = build_model(work.project, dataset)
    model.load_state_dict(torch.load(work.path("float.pt"), weights_only=True))
    return model.eval()


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads; 0 leaves it alone. Small nets are quickest on one."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def per_epoch(progress: Progress, epochs: int) -> Any:
    """Return a training rule's progress callback that tells ``progress``."""

    def tell(epoch: Epoch) -> None:
        score = f"{epoch.test_accuracy:.2%}" if epoch.test_accuracy is not None else ""
        progress(epoch.epoch, epochs, f"loss {epoch.train_loss:.4f}  {score}")

    return tell


def curves(result: TrainResult) -> dict[str, Any]:
    """Return a training run's curves as JSON-ready data."""
    return {
        "epochs": [asdict(epoch) for epoch in result.epochs],
        "accuracy": result.test_accuracy,
        "seconds": round(result.seconds, 3),
    }


def _note(work: Work) -> str:
    report = work.read("train.json")
    if report["accuracy"] is not None:
        score = f"{report['accuracy']:.2%}"
    else:
        score = f"mean squared error {report['epochs'][-1]['test_loss']:.5f}"
    return f"{score} in float, {report['parameters']:,} parameters, {len(report['epochs'])} epochs"


STAGE = Stage(
    name="train",
    needs=(),
    sources=("data", "models", "learn", "spiking", "stages/train.py"),
    packages=("torch", "numpy", "scikit-learn"),
    settings=_settings,
    run=_run,
    note=_note,
)
