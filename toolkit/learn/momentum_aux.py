"""Momentum auxiliary network: each block learns through a slowly following copy of the next one."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.learn.heads import pooled_classifier
from toolkit.learn.local import LocalLearner
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="momentum-aux",
    title="Local learning through a moving average of the next block",
    paper="Momentum Auxiliary Network for Supervised Local Learning, Su et al. 2024, arXiv 2407.05623",
    kind="learn",
    cost="a copy of every block but the first while training; keeps two blocks' activations at a time",
)


@dataclass(frozen=True)
class Options:
    """``momentum`` is how much of itself the copy keeps at each step."""

    momentum: float = between(0.0, 1.0, 0.995)


class Follower(nn.Module):
    """A copy of ``block`` that follows it, a bias that learns, and a classifier."""

    def __init__(self, block: nn.Module, output: Tensor, classes: int) -> None:
        super().__init__()
        self.copy = copy.deepcopy(block)
        for parameter in self.copy.parameters():
            parameter.requires_grad_(False)
        channels = [1] * output[0].dim()
        channels[0 if output[0].dim() == 3 else -1] = output[0].shape[0 if output[0].dim() == 3 else -1]
        self.bias = nn.Parameter(torch.zeros(channels))
        self.classify = pooled_classifier(tuple(output.shape[1:]), classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the block before's output."""
        logits: Tensor = self.classify(self.copy(x) + self.bias)
        return logits

    def follow(self, block: nn.Module, momentum: float) -> None:
        """Move a little towards ``block``."""
        with torch.no_grad():
            for mine, its in zip(self.copy.parameters(), block.parameters(), strict=True):
                mine.lerp_(its, 1 - momentum)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> MomentumAux:
    """Return what trains ``model`` block by block; see ``toolkit.learn.rule.Rule``."""
    return MomentumAux(METHOD.slug, model, dataset, setup, _head)


class MomentumAux(LocalLearner):
    """Blocks whose heads follow the blocks after them."""

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``."""
        loss = super().step(inputs, targets, rate, decay)
        for head, block in zip(self.heads, self.blocks[1:], strict=False):
            assert isinstance(head, Follower)
            head.follow(block, self.setup.options.momentum)
        return loss


def _head(blocks: list[nn.Module], index: int, outputs: list[Tensor]) -> nn.Module:
    return Follower(blocks[index + 1], outputs[index + 1], outputs[-1].shape[-1])
