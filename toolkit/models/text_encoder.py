"""Text encoder: attention over characters in both directions, an answer for every character or for the whole text."""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._attention import Block
from toolkit.models._preset import Preset

PRESETS = {
    "masked": Preset(
        "2 layers of 64, 64 characters, to find blotted ones: 108 k weights (27 KB at 2 bits)",
        (64,),
        {"vocabulary": 66, "width": 64, "layers": 2, "heads": 2, "hidden": 176, "classes": 66},
    ),
    "classifier": Preset(
        "2 layers of 64, one answer for 64 characters: 108 k weights (27 KB at 2 bits)",
        (64,),
        {"vocabulary": 65, "width": 64, "layers": 2, "heads": 2, "hidden": 176, "classes": 2, "pooled": True},
    ),
}


class TextEncoder(nn.Module):
    """``embedding``, ``blocks``, ``norm`` and ``head``; ``pooled`` answers for the mean of all characters."""

    def __init__(
        self,
        input_shape: tuple[int],
        vocabulary: int = 66,
        width: int = 64,
        layers: int = 2,
        heads: int = 2,
        hidden: int = 176,
        classes: int = 66,
        pooled: bool = False,
        feed_forward: str = "gated",
    ) -> None:
        super().__init__()
        (positions,) = input_shape
        self.pooled = pooled
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(
            Block(width, heads, hidden, positions=positions, kind=feed_forward) for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, classes, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, positions, classes)``, or ``(n, classes)``, for indices ``(n, positions)``."""
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x)
        logits: torch.Tensor = self.head(x.mean(1) if self.pooled else x)
        return logits


MODEL = TextEncoder
