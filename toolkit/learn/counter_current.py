"""Counter-current learning: a second network runs from the labels down; the two meet layer by layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize, one_hot

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.learn.adamw import AdamW
from toolkit.learn.blocks import blocks
from toolkit.learn.local import chain, needs_labels
from toolkit.learn.rule import NoOptions as Options
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

__all__ = ["METHOD", "Options", "learner"]

METHOD = Method(
    slug="counter-current",
    title="Counter-current learning: feedforward and feedback networks, anti-parallel",
    paper="Counter-Current Learning: A Biologically Plausible Dual Network Approach for Deep Learning, "
    "Kao and Hariharan 2024, arXiv 2409.19841",
    kind="learn",
    cost="a feedback network of about the model's size while training; it runs on one row per class, not per sample",
)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> CounterCurrent:
    """Return what trains ``model`` layer by layer; see ``toolkit.learn.rule.Rule``."""
    return CounterCurrent(model, dataset, setup)


class CounterCurrent:
    """A ``toolkit.learn.rule.Learner``: blocks go up from samples, feedback layers down from one-hot labels.

    Where they meet, the cosine of a sample's activity with its class's signal shall be 1, and 0 with all others'. That
    trains the block and the feedback layer, and no more: both were given what the layers before them made as a
    constant. The last block learns from the labels themselves.
    """

    def __init__(self, model: nn.Module, dataset: Dataset, setup: Setup) -> None:
        needs_labels(METHOD.slug, setup)
        self.setup = setup
        self.blocks = blocks(model)
        outputs = chain(self.blocks, torch.from_numpy(dataset.x_train[:2]))
        if outputs[-1].dim() != 2:
            raise ToolkitError(
                f"counter-current learns from one label per sample, not from outputs of {tuple(outputs[-1].shape[1:])}",
                at=type(model).__name__,
                fix='use rule = "backprop"',
            )
        shapes = [tuple(output.shape[1:]) for output in outputs]
        self.labels = torch.eye(shapes[-1][-1])
        # feedback[i] makes signals for block i out of those for the block after it
        self.feedback = nn.ModuleList(map(_feedback, shapes[1:], shapes))
        self.adamw = AdamW([*model.parameters(), *self.feedback.parameters()], setup.settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is the last block's."""
        signals = self.signals()
        wanted = one_hot(targets, len(self.labels)).float()
        values = inputs
        for block, signal in zip(self.blocks, signals, strict=False):
            with self.setup.in_precision():
                values = block(values.detach())
            cosines = normalize(values.float().flatten(1)) @ normalize(signal.float().flatten(1)).T
            (cosines - wanted).square().mean().backward()
        with self.setup.in_precision():
            loss = self.setup.objective(self.blocks[-1](values.detach()), inputs, targets)
        loss.backward()
        self.adamw.update(rate, decay)
        return loss.detach()

    def signals(self) -> list[Tensor]:
        """Return what the feedback network says of each class to each block but the last: ``(classes, ...)``."""
        signal, found = self.labels, []
        for layer in reversed(self.feedback):
            with self.setup.in_precision():
                signal = layer(signal.detach())
            found.append(signal)
        return found[::-1]

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"feedback": self.feedback.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.feedback.load_state_dict(state["feedback"])
        self.adamw.load_state_dict(state["adamw"])


def _feedback(given: tuple[int, ...], wanted: tuple[int, ...]) -> nn.Module:
    """Return a layer from signals of one shape to another's: a convolution between images, else a linear layer.

    Signals have both signs, so that activity that is never negative can be at right angles to a class's.
    """
    if len(given) == len(wanted) == 3:
        larger = nn.Upsample(size=wanted[1:])
        return nn.Sequential(larger, nn.Conv2d(given[0], wanted[0], 3, padding=1), nn.Tanh())
    linear = nn.Linear(math.prod(given), math.prod(wanted))
    return nn.Sequential(nn.Flatten(), linear, nn.Tanh(), nn.Unflatten(1, wanted))
