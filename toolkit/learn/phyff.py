"""PhyFF: layers around black boxes learn by how far right and wrong labels turn their activity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from torch import nn

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.learn.pairs import PairLearner
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="phyff",
    title="PhyFF: contrastive local learning around black boxes",
    paper="Backpropagation-free Training of Deep Physical Neural Networks, Momeni et al. 2023, arXiv 2304.11042",
    kind="learn",
    cost="a network that runs once per class; what lies between its layers needs no gradient, and no model of it",
)
NETWORK = {"family": "ff_mlp", "goodness": "direction"}


@dataclass(frozen=True)
class Options:
    """How a layer tells right from wrong.

    Args:
        sharpness: that differences of cosines are multiplied by.
        negatives: "random" are any wrong labels (the paper's); "hard" are drawn as often as the network itself would
            say them.
    """

    sharpness: float = between(1e-3, 1000.0, 8.0)
    negatives: Literal["random", "hard"] = "random"


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> PairLearner:
    """Return what trains ``model`` layer by layer; see ``toolkit.learn.rule.Rule``.

    It is forward-forward without collaboration, where goodness is the cosine of a layer's activity with a fixed random
    vector, which bounds it whatever a black box makes of the scale.
    """
    found = PairLearner(METHOD.slug, model, setup)
    if found.model.goodness_kind != "direction":
        raise ToolkitError(
            f"phyff's goodness is a direction, not {found.model.goodness_kind}",
            at="[model] goodness",
            fix='set options = { goodness = "direction" }, or use rule = "collaborative-ff"',
        )
    return found
