"""NoProp: each block learns alone to find the label in a noisy one, with the image's help."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.learn import philox
from toolkit.learn.adamw import AdamW
from toolkit.learn.local import needs_labels
from toolkit.learn.rule import Setup
from toolkit.models.noprop_cnn import NopropCnn

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="noprop",
    title="NoProp: blocks that learn to denoise labels, without passes through the network",
    paper="NoProp: Training Neural Networks without Full Back-propagation or Full Forward-propagation, Li et al. 2025, "
    "arXiv 2503.24322",
    kind="learn",
    cost="a network of several small ones, one per step of denoising; keeps one of them's activations at a time",
)
NETWORK = {"family": "noprop_cnn"}


@dataclass(frozen=True)
class Options:
    """``block_loss`` of a guess: "squared" distance from the one-hot label (the paper's), or "cross-entropy"."""

    block_loss: Literal["squared", "cross-entropy"] = "squared"


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> Noprop:
    """Return what trains ``model`` block by block; see ``toolkit.learn.rule.Rule``."""
    return Noprop(model, setup)


class Noprop:
    """A ``toolkit.learn.rule.Learner``: blocks need nothing of each other, so they may learn in any order."""

    def __init__(self, model: nn.Module, setup: Setup) -> None:
        needs_labels(METHOD.slug, setup)
        if not isinstance(model, NopropCnn):
            raise ToolkitError(
                f"noprop trains networks that denoise labels, not {type(model).__name__}",
                at="[model] family",
                fix='use family = "noprop_cnn", or rule = "mono-forward"',
            )
        if setup.options.block_loss == "squared" and (
            setup.settings.label_smoothing or setup.objective.teacher
        ):
            raise ToolkitError(
                "noprop's squared loss knows neither label smoothing nor a teacher",
                at="[train] block_loss",
                fix='set block_loss = "cross-entropy", or label_smoothing = 0 and distill = 0',
            )
        self.model, self.setup = model, setup
        self.adamw = [AdamW(block.parameters(), setup.settings) for block in model.blocks]
        self.steps = 0

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is the blocks' mean."""
        losses = [self.learn(block, inputs, targets, rate, decay) for block in range(len(self.model.blocks))]
        self.steps += 1
        return torch.stack(losses).mean()

    def learn(self, block: int, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """Let one block learn from a batch, and return its loss. Its noise has block and step as its counter."""
        model = self.model
        key = (self.setup.settings.seed & 0xFFFFFFFF, block)
        normal = torch.from_numpy(philox.normals(key, self.steps, len(inputs) * model.classes))
        moment = torch.full((1, 1), model.moments[block])
        if model.shared:  # a batch lies in random order, so that evenly spread moments are random ones
            moment = (torch.arange(len(inputs))[:, None] + 0.5) / len(inputs)
        signal, noise = model.mixture(moment)
        label = signal * one_hot(targets, model.classes) + noise * normal.view(len(inputs), -1)
        with self.setup.in_precision():
            guess = model.denoise(block, model.look(block, inputs), label, moment)
        loss = self.loss(guess.float(), inputs, targets)
        loss.backward()
        self.adamw[block].update(rate, decay)
        return loss.detach()

    def loss(self, guess: Tensor, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of a block's logits."""
        if self.setup.options.block_loss == "cross-entropy":
            return self.setup.objective(guess, inputs, targets)
        return (guess.softmax(1) - one_hot(targets, self.model.classes)).square().sum(1).mean()

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"steps": self.steps, "adamw": [each.state_dict() for each in self.adamw]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.steps = state["steps"]
        for adamw, kept in zip(self.adamw, state["adamw"], strict=True):
            adamw.load_state_dict(kept)
