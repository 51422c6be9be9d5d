"""Mono-Forward: each layer learns from the labels through a projection of its own (Gong et al. 2025, arXiv 2501.09238)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from quantize.method import Method
from toolkit.learn.local import train_blocks
from toolkit.learn.rule import Progress
from toolkit.learn.settings import TrainResult, TrainSettings

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="mono-forward",
    title="Mono-Forward: local errors through a learnt projection",
    paper="Mono-Forward: Backpropagation-Free Algorithm for Efficient Neural Network Training Harnessing Local Errors, "
    "Gong et al. 2025, arXiv 2501.09238",
    kind="learn",
    cost="a matrix of features x classes per layer while training; keeps one layer's activations at a time",
)


def train(
    model: nn.Module,
    dataset: Dataset,
    *,
    settings: TrainSettings,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train ``model`` in place; see ``toolkit.learn.rule.Rule.train``.

    A layer's goodness for a class is its activation times the class's row of the projection; their cross entropy trains
    layer and projection. The model's last layer is its own projection.
    """
    return train_blocks(
        METHOD.slug, _projection, model, dataset, settings=settings, checkpoint=checkpoint, progress=progress
    )


def _projection(index: int, activation: Tensor, classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(activation[0].numel(), classes, bias=False))
