"""What every training rule offers."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from quantize.method import Method
from toolkit.learn.settings import TrainSettings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from toolkit.data import Dataset
    from toolkit.learn.loss import Objective


@dataclass(frozen=True)
class NoOptions:
    """The options of a rule that has none."""


@dataclass(frozen=True)
class Setup:
    """What a rule is asked to do.

    Args:
        settings: everything the result depends on besides model and data.
        options: the rule's own ``Options``.
        objective: the loss of logits, ``objective(outputs, inputs, targets)``.
    """

    settings: TrainSettings
    options: Any
    objective: Objective

    def in_precision(self) -> AbstractContextManager[Any]:
        """Return a context in which products are computed as ``settings.precision`` says."""
        import torch

        return torch.autocast("cpu", torch.bfloat16, enabled=self.settings.precision == "bfloat16")


class Learner(Protocol):
    """What a rule makes of one model for one run: it changes the model's weights, batch by batch."""

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """Learn from a batch, with the learning rate and weight decay of this step; return its mean loss."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on beside the model and torch's generator: tensors and numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` returned."""
        ...


class Rule(Protocol):
    """A module of ``toolkit.learn``.

    One that trains networks of a kind of its own says which in ``NETWORK``, settings of ``toolkit.models.build``.
    """

    METHOD: Method
    # A frozen dataclass, all fields with defaults: its fields are further settings of ``[train]`` in toolkit.toml.
    Options: type[Any]

    def learner(self, model: nn.Module, dataset: Dataset, setup: Setup) -> Learner:
        """Return what trains ``model``; weights of its own are drawn from torch's generator, which is seeded.

        Raises:
            ToolkitError: the rule cannot train this model, or not by this loss; a layer it cannot train is named.
        """
        ...
