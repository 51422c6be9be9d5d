"""Multilayer perceptron: fully connected layers with ReLU between them."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn

from toolkit.models._preset import Preset

PRESETS = {
    "digits": Preset("64-32-10 for 8x8 digits", (1, 8, 8), {"hidden": (32,), "classes": 10}),
    "mnist": Preset("784-128-64-10 for 28x28 images", (1, 28, 28), {"hidden": (128, 64), "classes": 10}),
}


class Mlp(nn.Module):
    """Flatten, then ``fc1`` and so on with ReLU between; the last layer gives the logits."""

    def __init__(
        self, input_shape: tuple[int, ...], hidden: tuple[int, ...] = (32,), classes: int = 10
    ) -> None:
        super().__init__()
        widths = (math.prod(input_shape), *hidden, classes)
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential()
        for index, (inputs, outputs) in enumerate(itertools.pairwise(widths), start=1):
            if index > 1:
                self.layers.add_module(f"relu{index - 1}", nn.ReLU())
            self.layers.add_module(f"fc{index}", nn.Linear(inputs, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, classes)`` for samples of any shape with the right number of values."""
        logits: torch.Tensor = self.layers(self.flatten(x))
        return logits


MODEL = Mlp
