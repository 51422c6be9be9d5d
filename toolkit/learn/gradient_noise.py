"""Backpropagation with noise on its gradients that fades with time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from quantize.method import Method, between
from toolkit.learn.backprop import Backprop
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="gradient-noise",
    title="Backpropagation with annealed Gaussian noise on the gradients",
    paper="Adding Gradient Noise Improves Learning for Very Deep Networks, Neelakantan et al. 2015, arXiv 1511.06807",
    kind="learn",
    cost="backpropagation's, and a random number per weight and step",
)


@dataclass(frozen=True)
class Options:
    """At step t the noise's variance is ``noise / (1 + t) ** decline``."""

    noise: float = between(0.0, 100.0, 0.01)
    decline: float = between(0.0, 10.0, 0.55)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> NoisyBackprop:
    """Return what trains ``model``; see ``toolkit.learn.rule.Rule``."""
    return NoisyBackprop(model, setup)


class NoisyBackprop(Backprop):
    """Backpropagation that counts its steps."""

    steps = 0

    def adjust_gradients(self) -> None:
        """Add the step's noise."""
        options = self.setup.options
        deviation = (options.noise / (1 + self.steps) ** options.decline) ** 0.5
        for parameter in self.model.parameters():
            if parameter.grad is not None:
                parameter.grad.add_(torch.randn_like(parameter.grad), alpha=deviation)
        self.steps += 1

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"adamw": super().state_dict(), "steps": self.steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        super().load_state_dict(state["adamw"])
        self.steps = state["steps"]
