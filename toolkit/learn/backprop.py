"""Backpropagation with AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from quantize.method import Method
from toolkit.learn.adamw import AdamW
from toolkit.learn.rule import NoOptions as Options
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

__all__ = ["METHOD", "Options", "learner"]

METHOD = Method(
    slug="backprop",
    title="Backpropagation with AdamW",
    paper="Decoupled Weight Decay Regularization, Loshchilov and Hutter 2019, arXiv 1711.05101",
    kind="learn",
    cost="memory for every layer's activations and two moments per weight",
)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> Backprop:
    """Return what trains ``model`` by its gradient; see ``toolkit.learn.rule.Rule``."""
    return Backprop(model, setup)


class Backprop:
    """The gradient of the whole model's loss, given to AdamW."""

    def __init__(self, model: nn.Module, setup: Setup) -> None:
        self.model = model
        self.setup = setup
        self.adamw = AdamW(model.parameters(), setup.settings)

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``."""
        with self.setup.in_precision():
            loss = self.setup.objective(self.model(inputs), inputs, targets)
        loss.backward()
        self.adjust_gradients()
        self.adamw.update(rate, decay)
        return loss.detach()

    def adjust_gradients(self) -> None:
        """Change the gradients before they are used: a place for rules that are backpropagation but for that."""

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return self.adamw.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.adamw.load_state_dict(state)
