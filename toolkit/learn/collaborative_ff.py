"""Forward-forward: each layer tells right pairs of sample and label from wrong ones, and layers may collaborate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from quantize.method import Method, between
from toolkit.learn.pairs import PairLearner
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="collaborative-ff",
    title="Forward-forward, with layers that collaborate",
    paper="Layer Collaboration in the Forward-Forward Algorithm, Lorberbom et al. 2023, arXiv 2305.12393; without it: "
    "Hinton 2022, arXiv 2212.13345; pairs: SymBa, Lee and Song 2023, arXiv 2303.08418",
    kind="learn",
    cost="two passes per sample, and two more to collaborate; the network runs once per class; keeps one layer's "
    "activations at a time",
)
NETWORK = {"family": "ff_mlp"}


@dataclass(frozen=True)
class Options:
    """How a layer tells right from wrong.

    Args:
        collaboration: how much of the other layers' goodness a layer sees beside its own, as a constant; 0 is plain
            forward-forward.
        contrast: "threshold" wants right pairs' goodness above ``threshold`` and wrong ones' below; "pairs" wants the
            right label's above the wrong one's for the same sample (SymBa).
        threshold: of a layer's mean square.
        sharpness: that differences of goodness are multiplied by.
        negatives: "random" are any wrong labels; "hard" are drawn as often as the network itself would say them.
    """

    collaboration: float = between(0.0, 10.0, 1.0)
    contrast: Literal["threshold", "pairs"] = "pairs"
    threshold: float = between(0.0, 1000.0, 1.0)
    sharpness: float = between(1e-3, 1000.0, 8.0)
    negatives: Literal["random", "hard"] = "hard"


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> ForwardForward:
    """Return what trains ``model`` layer by layer; see ``toolkit.learn.rule.Rule``."""
    return ForwardForward(METHOD.slug, model, setup)


class ForwardForward(PairLearner):
    """Layers see their own goodness, and the others' as a constant that goes forward once before."""

    def __init__(self, rule: str, model: nn.Module, setup: Setup) -> None:
        super().__init__(rule, model, setup)
        self.collaboration = setup.options.collaboration

    def loss(self, right: Tensor, wrong: Tensor) -> Tensor:
        """Return the loss of right pairs' and wrong pairs' goodness."""
        options = self.setup.options
        if options.contrast == "pairs":
            return super().loss(right, wrong)
        both = torch.cat([options.threshold - right, wrong - options.threshold])
        return softplus(options.sharpness * both).mean()
