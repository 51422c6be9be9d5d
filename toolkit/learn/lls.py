"""LLS: a layer's activity is pulled towards a fixed periodic pattern of its class."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.learn.heads import averaged
from toolkit.learn.local import LocalLearner
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="lls",
    title="Local learning by synchronization with fixed periodic patterns",
    paper="LLS: Local Learning Rule for Deep Neural Networks Inspired by Neural Activity Synchronization, "
    "Apolinario et al. 2024, arXiv 2405.15868",
    kind="learn",
    cost="no parameters beyond the model's (modulation: classes, or classes x classes, per layer)",
)


@dataclass(frozen=True)
class Options:
    """How activity is compared with the patterns.

    Args:
        modulation: what learns about the patterns' answers: nothing, a factor per class (LLS-M), or a matrix (LLS-MxM).
        side: to how many places each way an image is averaged.
        temperature: that the answers are divided by.
    """

    modulation: Literal["none", "m", "mxm"] = "mxm"
    side: int = between(1, 64, 4)
    temperature: float = between(1e-3, 10.0, 0.1)


class Patterns(nn.Module):
    """Cosines of one frequency per class, as in a cosine transform: orthogonal, and made of nothing but indices."""

    basis: Tensor

    def __init__(self, features: tuple[int, ...], classes: int, options: Options) -> None:
        super().__init__()
        self.options = options
        self.average, width = averaged(features, options.side)
        frequencies = torch.arange(1, classes + 1)[:, None] * max(1, width // (2 * classes))
        places = (torch.arange(width)[None] + 0.5) / width
        self.register_buffer("basis", torch.cos(math.pi * frequencies * places), persistent=False)
        if options.modulation == "m":
            self.modulation = nn.Parameter(torch.ones(classes))
        elif options.modulation == "mxm":
            self.modulation = nn.Parameter(torch.eye(classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)``."""
        activity = nn.functional.normalize(self.average(x), dim=1)
        answers = activity @ self.basis.T
        if self.options.modulation == "m":
            answers = answers * self.modulation
        elif self.options.modulation == "mxm":
            answers = answers @ self.modulation
        return answers / self.options.temperature


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> LocalLearner:
    """Return what trains ``model`` layer by layer; see ``toolkit.learn.rule.Rule``."""

    def patterns(blocks: list[nn.Module], index: int, outputs: list[Tensor]) -> nn.Module:
        return Patterns(tuple(outputs[index].shape[1:]), outputs[-1].shape[-1], setup.options)

    return LocalLearner(METHOD.slug, model, dataset, setup, patterns)
