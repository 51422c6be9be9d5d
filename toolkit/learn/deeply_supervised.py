"""Deeply-supervised nets: a companion loss at every hidden layer beside the output's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.learn.heads import pooled_classifier
from toolkit.learn.local import LocalLearner
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="deeply-supervised",
    title="Deeply-supervised nets: backpropagation with a companion loss per hidden layer",
    paper="Deeply-Supervised Nets, Lee et al. 2015, arXiv 1409.5185",
    kind="learn",
    cost="backpropagation's memory, and a small classifier per layer while training",
)


@dataclass(frozen=True)
class Options:
    """``companion`` weighs the mean of the hidden layers' losses beside the output's."""

    companion: float = between(0.0, 100.0, 0.3)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> DeeplySupervised:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    return DeeplySupervised(METHOD.slug, model, dataset, setup, _head)


class DeeplySupervised(LocalLearner):
    """Blocks with heads, but gradients do cross from block to block."""

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is the output's, without the companions'."""
        values, losses = inputs, []
        with self.setup.in_precision():
            for block, head in zip(self.blocks, self.heads, strict=True):
                values = block(values)
                losses.append(self.setup.objective(head(values), inputs, targets))
        companions = self.setup.options.companion * sum(losses[:-1]) / max(1, len(losses) - 1)
        (losses[-1] + companions).backward()
        self.adamw.update(rate, decay)
        return losses[-1].detach()


def _head(blocks: list[nn.Module], index: int, outputs: list[Tensor]) -> nn.Module:
    return pooled_classifier(tuple(outputs[index].shape[1:]), outputs[-1].shape[-1])
