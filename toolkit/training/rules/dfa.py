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
        weights = forward.states(chosen)
        self.states = {**weights, **first_states(weights, settings)}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``."""
        live = leaves(states, self.chosen)
        outputs: dict[int, Tensor] = {}

        def at_block(block: int, value: Tensor) -> Tensor:
            outputs[block] = value
            return value.detach()

        logits = self.forward.run(sample, {**states, **live}, at_block)
        seen = {"logits": logits.detach().requires_grad_()}
        error = loss(seen["logits"], target, self.settings)
        along = gradients(error, seen)["logits"]
        found: dict[str, Tensor] = {}
        for block, names in sorted(self.by_block.items()):
            value = outputs.get(block, logits)
            back = (along @ self.feedback[block]).view_as(value) if block in outputs else along
            found.update(gradients(value, {name: live[name] for name in names}, back))
        return logits, error, update(states, found, rate, self.settings)


def make(forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> DirectFeedback:
    """See ``toolkit.training.rules.Rule``; the matrices come from the seed."""
    return DirectFeedback(forward, chosen, settings, matrices(forward, chosen, classes, settings.seed))
