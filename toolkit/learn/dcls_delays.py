"""Delays learnt beside weights: backpropagation through Gaussians over time that shrink to one step.

Each delay is a position on the axis of time with a learning rate of its own, larger than the weights' and without
weight decay. The Gaussians' width falls exponentially from half of the longest delay to half a step; delays are whole
numbers of steps whenever the network is evaluated.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.learn.backprop import Backprop
from toolkit.learn.rule import Setup
from toolkit.spiking.delayed_linear import clamp_delays, delayed, narrow

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="dcls-delays",
    title="Learnt delays of synapses, by dilated convolutions with learnable spacings",
    paper="Learning Delays in Spiking Neural Networks using Dilated Convolutions with Learnable Spacings, "
    "Hammouamri et al. 2023, arXiv 2306.17670",
    kind="learn",
    cost="backpropagation through a kernel over time for each synapse; a byte per synapse on the device",
)


@dataclass(frozen=True)
class Options:
    """How delays are learnt.

    Args:
        delay_rate: their learning rate, as a multiple of the weights'.
        narrowed: share of all steps after which the Gaussians are as narrow as they get.
    """

    delay_rate: float = between(0.0, 1e4, 20.0)
    narrowed: float = between(0.01, 1.0, 0.5)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> DelayLearner:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    layers = delayed(model)
    if not layers:
        raise ToolkitError(
            "dcls-delays trains delays, and the model has none",
            fix="build it of toolkit.spiking.delayed_linear.DelayedLinear, as the family spiking_delays does",
        )
    return DelayLearner(model, setup, math.ceil(len(dataset.x_train) / setup.settings.batch_size))


class DelayLearner(Backprop):
    """Backpropagation for all but the delays, and Adam of their own for those."""

    def __init__(self, model: nn.Module, setup: Setup, steps_per_epoch: int) -> None:
        delays = [layer.delays for layer in delayed(model)]
        for each in delays:
            each.requires_grad_(False)  # keeps them out of the weights' optimizer
        super().__init__(model, setup)
        for each in delays:
            each.requires_grad_()
        self.adam = torch.optim.Adam(delays, lr=setup.settings.learning_rate)
        self.steps, self.last = 0, setup.settings.epochs * steps_per_epoch

    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``."""
        options = self.setup.options
        narrow(self.model, self.steps / (self.last * options.narrowed))
        loss = super().step(inputs, targets, rate, decay)
        self.adam.param_groups[0]["lr"] = rate * options.delay_rate
        self.adam.step()
        self.adam.zero_grad()
        clamp_delays(self.model)
        self.steps += 1
        return loss

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"adamw": super().state_dict(), "adam": self.adam.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        super().load_state_dict(state["adamw"])
        self.adam.load_state_dict(state["adam"])
        self.steps = state["steps"]
