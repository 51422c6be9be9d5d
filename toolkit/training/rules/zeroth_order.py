"""Zeroth order: the slope of the loss along one direction, from two answers (Malladi et al. 2023, arXiv 2305.17333).

The direction is made again from a counter each time it is needed, and the weights are moved where they lie: a step
takes the memory of an answer.
"""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.errors import ToolkitError
from toolkit.program import noise
from toolkit.training.forward import Forward
from toolkit.training.losses import loss
from toolkit.training.rules import Outputs
from toolkit.training.settings import StepSettings

DRAW = "draw"

GRADIENTS = False


class ZerothOrder:
    """See ``toolkit.training.rules.Step``. The direction is -1 or 1 for each weight."""

    def __init__(self, forward: Forward, chosen: list[str], settings: StepSettings) -> None:
        self.forward, self.chosen, self.settings = forward, chosen, settings
        weights = {name: forward.weights[name] for name in chosen}
        self.states = {**weights, DRAW: torch.zeros(1, dtype=torch.int32)}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``; the loss is the mean of those on both sides."""
        draw, epsilon = states[DRAW], self.settings.epsilon
        one = torch.ones_like(rate)
        weights = {name: states[name] for name in self.chosen}
        logits = self.forward.run(sample, states)

        def moved(distance: Tensor) -> Tensor:
            """Move the weights and return the loss there."""
            for stream, name in enumerate(self.chosen):
                weights[name] = noise.perturb(weights[name], draw, distance, self.settings.seed, stream)
            return loss(self.forward.run(sample, {**states, **weights}), target, self.settings)

        above = moved(one * epsilon)
        below = moved(one * (-2.0 * epsilon))
        slope = (above - below) * (0.5 / epsilon)
        back = epsilon - rate * slope
        for stream, name in enumerate(self.chosen):
            weights[name] = noise.perturb(weights[name], draw, back, self.settings.seed, stream)
        return logits, (above + below) * 0.5, {**weights, DRAW: draw + 1}


def make(forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> ZerothOrder:
    """See ``toolkit.training.rules.Rule``."""
    if settings.optimizer != "sgd":
        raise ToolkitError(
            f"zeroth-order keeps nothing besides the weights, and {settings.optimizer} keeps or needs more",
            at="optimizer",
            fix='use optimizer = "sgd"',
        )
    return ZerothOrder(forward, chosen, settings)
