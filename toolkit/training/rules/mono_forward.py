"""Mono-Forward: each block learns from the labels through a projection of its own (Gong et al. 2025, arXiv 2501.09238).

A block's activations are gone before the next block runs: no more than one block's are kept.
"""

from __future__ import annotations

from torch import Tensor

from toolkit.training.blocks import by_block, matrices
from toolkit.training.forward import Forward
from toolkit.training.gradients import gradients, leaves
from toolkit.training.losses import loss
from toolkit.training.optimizers import first_states, update
from toolkit.training.rules import Outputs
from toolkit.training.settings import StepSettings


class MonoForward:
    """See ``toolkit.training.rules.Step``. The last block's layer is its own projection."""

    def __init__(
        self, forward: Forward, chosen: list[str], settings: StepSettings, projections: dict[int, Tensor]
    ) -> None:
        self.forward, self.chosen, self.settings = forward, chosen, settings
        self.by_block = by_block(forward, chosen)
        weights = forward.states(chosen)
        for block, projection in projections.items():
            weights[_projection(block)] = projection
        self.states = {**weights, **first_states(weights, settings)}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``."""
        new: dict[str, Tensor] = {}
        live = leaves(states, self.chosen)

        def change(block: int, error: Tensor, by: dict[str, Tensor]) -> None:
            new.update(update(states, gradients(error, by), rate, self.settings))

        def at_block(block: int, value: Tensor) -> Tensor:
            names = self.by_block.get(block, [])
            if names:
                by = {name: live[name] for name in names} | leaves(states, [_projection(block)])
                goodness = value.flatten(1) @ by[_projection(block)].t()
                change(block, loss(goodness, target, self.settings), by)
            return value.detach()

        logits = self.forward.run(sample, {**states, **live}, at_block)
        last = self.forward.blocks - 1
        error = loss(logits, target, self.settings)
        change(last, error, {name: live[name] for name in self.by_block.get(last, [])})
        return logits, error, new


def make(forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> MonoForward:
    """See ``toolkit.training.rules.Rule``; projections start as small random numbers from the seed."""
    return MonoForward(forward, chosen, settings, matrices(forward, chosen, classes, settings.seed))


def _projection(block: int) -> str:
    return f"projection.{block}"
