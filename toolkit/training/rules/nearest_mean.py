"""Nearest mean: the running mean of each class's features, the smallest learner (Janson et al. 2022, arXiv 2210.04428).

Nothing before the last layer changes, and that layer gives way to the means.
"""

from __future__ import annotations

import torch
from torch import Tensor

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.training.forward import Forward
from toolkit.training.losses import loss
from toolkit.training.rules import Outputs
from toolkit.training.settings import StepSettings

METHOD = Method(
    slug="nearest-mean",
    title="Means of each class's features in the place of the last layer",
    paper="A Simple Baseline that Questions the Use of Pretrained-Models in Continual Learning, Janson et al. 2022, "
    "arXiv 2210.04428",
    kind="device",
    cost="features stay as they are; a sample's answer is only as good as they keep classes apart",
)
MEANS, COUNTS = "means", "counts"

GRADIENTS = False


class NearestMean:
    """See ``toolkit.training.rules.Step``. The rate is the weight of a sample in its class's mean: 1 counts it once."""

    def __init__(self, forward: Forward, settings: StepSettings, classes: int) -> None:
        self.forward, self.settings = forward, settings
        width = forward.widths()[-1]
        self.states = {MEANS: torch.zeros(classes, width), COUNTS: torch.zeros(1, classes)}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``.

        Logits are minus half the squared distances to the means, but for the features' own square, which all share.
        """
        features = self.features(states, sample)
        means = states[MEANS]
        logits = features @ means.t() - torch.sum(means * means, 1).reshape(1, -1) * 0.5
        weight = target * rate
        counts = states[COUNTS] + weight
        share = weight / torch.clamp(counts, min=1e-6)
        moved = means + (features - means) * share.reshape(-1, 1)
        return logits, loss(logits, target, self.settings), {MEANS: moved, COUNTS: counts}

    def features(self, states: dict[str, Tensor], sample: Tensor) -> Tensor:
        """Return what the last layer takes, (1, width)."""
        seen: list[Tensor] = []

        def at_block(_: int, value: Tensor) -> Tensor:
            seen.append(value)
            return value

        self.forward.run(sample, states, at_block)
        return seen[-1].flatten(1)


def make(forward: Forward, chosen: list[str], settings: StepSettings, classes: int) -> NearestMean:
    """See ``toolkit.training.rules.Rule``; which weights were chosen does not matter, for none changes."""
    if forward.blocks < 2:
        raise ToolkitError(
            "nearest-mean needs features, and the model's only layer makes the logits",
            at=chosen[0],
            fix="use a model with at least two layers",
        )
    return NearestMean(forward, settings, classes)
