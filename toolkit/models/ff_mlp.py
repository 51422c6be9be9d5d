"""Forward-forward perceptron: a class goes in with the sample; its logit is how well the layers like the pair.

G. Hinton, "The Forward-Forward Algorithm: Some Preliminary Investigations", 2022, arXiv 2212.13345.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Literal

import torch
from torch import Tensor, nn

from toolkit.models._preset import Preset

Goodness = Literal["squares", "direction"]

PRESETS = {
    "digits": Preset("64-64-64 for 8x8 digits", (1, 8, 8), {"hidden": (64, 64), "classes": 10}),
    "mnist": Preset("784-500-500 for 28x28 images", (1, 28, 28), {"hidden": (500, 500), "classes": 10}),
}


class FfMlp(nn.Module):
    """``layers`` with ReLU, each judging the pair of sample and class by the goodness of its activity.

    The class enters the first layer as one more input each, weighed by ``label``: as a one-hot label beside the sample.
    Its product with the sample is computed once for all classes; the later layers run once per class.

    Args:
        input_shape: of a sample.
        hidden: the layers' widths.
        classes: how many.
        goodness: "squares" is the activity's mean square, which ``RMSNorm`` in ``between`` hides from the next layer;
            "direction" is its cosine with a fixed random vector.

    ``between`` holds what happens between the layers. It has no weights and needs no gradient: any module may be put
    there, also one that computes outside of torch.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...],
        hidden: tuple[int, ...] = (64, 64),
        classes: int = 10,
        goodness: Goodness = "squares",
    ) -> None:
        super().__init__()
        if not hidden:
            raise ValueError("goodness is that of hidden layers, and there are none")
        if goodness not in ("squares", "direction"):
            raise ValueError(f"no goodness is called {goodness!r}, but squares and direction are")
        self.goodness_kind, self.classes = goodness, classes
        self.flatten = nn.Flatten()
        widths = (math.prod(input_shape), *hidden)
        self.label = nn.Parameter(0.3 * torch.randn(classes, hidden[0]))
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(widths))
        norms = (nn.RMSNorm(width, eps=1e-5, elementwise_affine=False) for width in hidden[:-1])
        self.between = nn.ModuleList(norms)
        for index, width in enumerate(hidden if goodness == "direction" else ()):
            self.register_buffer(f"direction{index}", nn.functional.normalize(torch.randn(width), dim=0))

    def activity(self, index: int, values: Tensor, label: Tensor) -> Tensor:
        """Return what layer ``index`` makes of ``values (..., features)``; ``label`` is added in the first layer."""
        values = self.layers[index](values)
        return nn.functional.relu(values + label if index == 0 else values)

    def goodness(self, index: int, activity: Tensor) -> Tensor:
        """Return how good layer ``index`` finds each ``activity (..., width)``: ``(...)``."""
        if self.goodness_kind == "squares":
            return activity.square().mean(-1)
        length = activity.square().sum(-1).add(1e-6).sqrt()
        return (activity * self.get_buffer(f"direction{index}")).sum(-1) / length

    def forward(self, x: Tensor) -> Tensor:
        """Return logits ``(n, classes)``, the sums of all layers' goodnesses, for samples of any shape."""
        values = self.flatten(x).unsqueeze(1)
        found = []
        for index in range(len(self.layers)):
            values = self.activity(index, values, self.label)
            found.append(self.goodness(index, values))
            if index < len(self.between):
                values = self.between[index](values)
        return functools.reduce(torch.add, found)


MODEL = FfMlp
