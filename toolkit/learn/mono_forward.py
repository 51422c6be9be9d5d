"""Mono-Forward: each layer learns from the labels through a projection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from quantize.method import Method
from toolkit.learn.local import LocalLearner
from toolkit.learn.rule import NoOptions as Options
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

__all__ = ["METHOD", "Options", "learner"]

METHOD = Method(
    slug="mono-forward",
    title="Mono-Forward: local errors through a learnt projection",
    paper="Mono-Forward: Backpropagation-Free Algorithm for Efficient Neural Network Training Harnessing Local Errors, "
    "Gong et al. 2025, arXiv 2501.09238",
    kind="learn",
    cost="a matrix of features x classes per layer while training; keeps one layer's activations at a time",
)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> LocalLearner:
    """Return what trains ``model`` layer by layer; see ``toolkit.learn.rule.Rule``.

    A layer's goodness for a class is its activation times the class's row of the projection; their cross entropy trains
    layer and projection. The model's last layer is its own projection.
    """
    return LocalLearner(METHOD.slug, model, dataset, setup, _projection)


def _projection(blocks: list[nn.Module], index: int, outputs: list[Tensor]) -> nn.Module:
    return nn.Sequential(
        nn.Flatten(), nn.Linear(outputs[index][0].numel(), outputs[-1].shape[-1], bias=False)
    )
