"""Direct feedback alignment: the output's error reaches each block through a fixed matrix (arXiv 2006.12878)."""

from __future__ import annotations

from torch import Tensor

from toolkit.training.blocks import by_block, matrices
from toolkit.training.forward import Forward
from toolkit.training.gradients import gradients, leaves
from toolkit.training.losses import loss
from toolkit.training.optimizers import first_states, update
from toolkit.training.rules import Outputs
from toolkit.training.settings import StepSettings


class DirectFeedback:
    """See ``toolkit.training.rules.Step``. The last block learns by its own gradient."""

    def __init__(
        self, forward: Forward, chosen: list[str], settings: StepSettings, feedback: dict[int, Tensor]
    ) -> None:
        self.forward, self.chosen = forward, chosen
        self.settings, self.feedback = settings, feedback
        self.by_block = by_block(forward, chosen)
        weights = {name: forward.weights[name] for name in chosen}
        self.states = {**weights, **first_states(weights, settings)}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``."""
        live = leaves(states, self.chosen)
        outputs: list[Tensor] = []

        def at_block(_: int, value: Tensor) -> Tensor:
            outputs.append(value)
            return value.detach()

        logits = self.forward.run(sample, {**states, **live}, at_block)
        seen = {"logits": logits.detach().requires_grad_()}
        error = loss(seen["logits"], target, self.settings)
        along = gradients(error, seen)["logits"]
        found: dict[str, Tensor] = {}
        for block, value in enumerate([*outputs, logits]):
            by = {name: live[name] for name in self.by_block.get(block, [])}
            back = along if block == len(outputs) else self._fed_back(block, along, value)
            found.update(gradients(value, by, back))
        return logits, error, update(states, found, rate, self.settings)

    def _fed_back(self, block: int, along: Tensor, value: Tensor) -> Tensor:
        return (along @ self.feedback[block]).view_as(value) if block in self.feedback else value


def make(forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> DirectFeedback:
    """See ``toolkit.training.rules.Rule``; the matrices come from the seed."""
    return DirectFeedback(forward, chosen, settings, matrices(forward, chosen, classes, settings.seed))
