"""Direct feedback alignment: the output's error reaches each layer through a fixed random matrix."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from quantize.method import Method
from toolkit.learn.backprop import Backprop
from toolkit.learn.blocks import blocks
from toolkit.learn.local import chain, needs_labels
from toolkit.learn.rule import NoOptions as Options
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

__all__ = ["METHOD", "Options", "learner"]

METHOD = Method(
    slug="dfa",
    title="Direct feedback alignment",
    paper="Direct Feedback Alignment Scales to Modern Deep Learning Tasks and Architectures, Launay et al. 2020, "
    "arXiv 2006.12878",
    kind="learn",
    cost="no weight is read backwards, and all layers may learn at once; the matrices come from a seed",
)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> DirectFeedback:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    needs_labels(METHOD.slug, setup)
    return DirectFeedback(model, dataset, setup)


class DirectFeedback(Backprop):
    """A chain of blocks; the last one learns by its own gradient."""

    def __init__(self, model: nn.Module, dataset: Dataset, setup: Setup) -> None:
        super().__init__(model, setup)
        self.blocks = blocks(model)
        outputs = chain(self.blocks, torch.from_numpy(dataset.x_train[:2]))
        self.widths = [output[0].numel() for output in outputs]

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``."""
        values, outputs = inputs, []
        with self.setup.in_precision():
            for block in self.blocks:
                outputs.append(block(values.detach()))
                values = outputs[-1]
            values.retain_grad()
            loss = self.setup.objective(values, inputs, targets)
        loss.backward()
        assert values.grad is not None
        error = values.grad.flatten(1)
        for index, output in enumerate(outputs[:-1]):
            output.backward((error @ self.feedback(index)).view_as(output).to(output.dtype))
        self.adamw.update(rate, decay)
        return loss.detach()

    def feedback(self, index: int) -> Tensor:
        """Return block ``index``'s matrix, classes x features: the same at every call, and kept nowhere."""
        generator = torch.Generator().manual_seed((self.setup.settings.seed << 16) + index)
        shape = (self.widths[-1], self.widths[index])
        return torch.randn(shape, generator=generator) / self.widths[-1] ** 0.5
