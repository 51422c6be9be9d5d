"""Denoising classifier: noise becomes a class step by step, each step a small CNN that sees the image (NoProp)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from toolkit.models._preset import Preset
from toolkit.models.cnn import Cnn, Layer

PRESETS = {
    "digits": Preset(
        "8x8 digits in 4 steps",
        (1, 8, 8),
        {"steps": 4, "layers": ((16, 1, 1), (32, 2, 1), (32, 1, 0)), "hidden": 32, "classes": 10},
    ),
    "mnist": Preset(
        "28x28 grey images in 5 steps",
        (1, 28, 28),
        {"steps": 5, "layers": ((16, 2, 1), (32, 2, 1), (48, 1, 0), (64, 1, 0)), "hidden": 64, "classes": 10},
    ),
}


class Denoiser(nn.Module):
    """Class logits from an image and a noisy one-hot label; ``moment`` says how far the noise is gone, if at all."""

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        layers: Sequence[Layer],
        hidden: int,
        classes: int,
        timed: bool,
    ) -> None:
        super().__init__()
        self.image = Cnn(input_shape, tuple(layers), hidden)
        self.label = nn.Linear(classes + timed, hidden, bias=False)
        self.relu = nn.ReLU()
        self.answer = nn.Linear(hidden, classes)

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        """Return logits ``(n, classes)`` for what ``self.image`` makes of images, and noisy labels."""
        logits: Tensor = self.answer(self.relu(image + self.label(label)))
        return logits


class NopropCnn(nn.Module):
    """Noise, then ``steps`` times: what a denoiser takes the label for, mixed with what noise is left.

    At moment ``t`` a noisy label is ``signal * one_hot + noise * normal``; see ``mixture``. Each step moves it to the
    next moment with the noise that it must have had (a deterministic sampler: DDIM, Song et al. 2021). The first noise
    is a constant of the network, so that it answers the same each time.

    Args:
        input_shape: of an image.
        steps: how many.
        layers: of each denoiser's CNN.
        hidden: width in which image and label meet.
        classes: how many.
        shared: one denoiser for all steps, told the moment (continuous time); the image is looked at once.
        path: "diffusion" keeps the variance of a noisy label, "flow" goes straight from noise to label.
    """

    noise: Tensor

    def __init__(
        self,
        input_shape: tuple[int, int, int],
        steps: int = 4,
        layers: Sequence[Layer] = ((16, 1, 1),),
        hidden: int = 32,
        classes: int = 10,
        shared: bool = False,
        path: Literal["diffusion", "flow"] = "diffusion",
    ) -> None:
        super().__init__()
        if steps < 1:
            raise ValueError(f"{steps} steps do not lead to a class")
        if path not in ("diffusion", "flow"):
            raise ValueError(f"no path is called {path!r}, but diffusion and flow are")
        self.classes, self.shared, self.path = classes, shared, path
        self.moments = [step / steps for step in range(steps)]
        self.blocks = nn.ModuleList(
            Denoiser(input_shape, layers, hidden, classes, shared) for _ in range(1 if shared else steps)
        )
        self.register_buffer("noise", torch.randn(1, classes, generator=torch.Generator().manual_seed(0)))

    def mixture(self, moment: Any) -> tuple[Any, Any]:
        """Return how much label and how much noise there is at ``moment``, a number or a tensor of 0 to below 1."""
        if self.path == "flow":
            return moment, 1 - moment
        angle, functions = math.pi / 2 * moment, torch if isinstance(moment, Tensor) else math
        return functions.sin(angle), functions.cos(angle)

    def look(self, index: int, x: Tensor) -> Tensor:
        """Return what block ``index`` sees in images."""
        seen: Tensor = self.blocks[index].get_submodule("image")(x)
        return seen

    def denoise(self, index: int, image: Tensor, label: Tensor, moment: Tensor) -> Tensor:
        """Return the logits of block ``index`` for its view of images and labels of ``moment (n or 1, 1)``."""
        if self.shared:
            label = torch.cat([label, moment.expand(len(label), 1)], 1)
        logits: Tensor = self.blocks[index](image, label)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Return the last step's logits ``(n, classes)``; there no noise is left."""
        label, image, logits = self.noise, torch.zeros(()), torch.zeros(())
        for step, moment in enumerate(self.moments):
            if step:
                guess, (signal, noise) = logits.softmax(-1), self.mixture(moment)
                old_signal, old_noise = self.mixture(self.moments[step - 1])
                kept = noise / old_noise
                label = (signal - kept * old_signal) * guess + kept * label
            block = 0 if self.shared else step
            if step == block:
                image = self.look(block, x)
            logits = self.denoise(block, image, label, torch.full((1, 1), moment))
        return logits


MODEL = NopropCnn
