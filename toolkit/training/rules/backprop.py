"""Backpropagation to the chosen weights; what lies before the first of them is only run forward."""

from __future__ import annotations

from torch import Tensor

from toolkit.training.forward import Forward
from toolkit.training.gradients import gradients, leaves
from toolkit.training.losses import loss
from toolkit.training.optimizers import first_states, update
from toolkit.training.rules import Outputs
from toolkit.training.settings import StepSettings


class Backprop:
    """See ``toolkit.training.rules.Step``."""

    def __init__(self, forward: Forward, chosen: list[str], settings: StepSettings) -> None:
        self.forward, self.chosen, self.settings = forward, chosen, settings
        weights = forward.states(chosen)
        self.states = {**weights, **first_states(weights, settings)}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``."""
        live = leaves(states, self.chosen)
        logits = self.forward.run(sample, {**states, **live})
        error = loss(logits, target, self.settings)
        found = gradients(error, live)
        return logits, error, update(states, found, rate, self.settings)


def make(forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> Backprop:
    """See ``toolkit.training.rules.Rule``."""
    return Backprop(forward, chosen, settings)
