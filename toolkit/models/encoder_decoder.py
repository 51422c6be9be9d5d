"""Encoder-decoder: reads a text in both directions and writes another one from left to right."""

from __future__ import annotations

import torch
from torch import nn

from toolkit.models._attention import Block
from toolkit.models._preset import Preset

PRESETS = {
    "lines": Preset(
        "1 + 1 layers of 64, 48 characters to 48: 134 k weights (34 KB at 2 bits)",
        (96,),
        {"vocabulary": 66, "width": 64, "layers": 1, "heads": 2, "hidden": 176},
    ),
}


class EncoderDecoder(nn.Module):
    """One ``embedding`` for both texts, ``encoder``, ``decoder`` with attention to what was read, ``head``.

    A sample holds the source and, after it, as long, the target moved on by one place.
    """

    def __init__(
        self,
        input_shape: tuple[int],
        vocabulary: int = 66,
        width: int = 64,
        layers: int = 1,
        heads: int = 2,
        hidden: int = 176,
        feed_forward: str = "gated",
    ) -> None:
        super().__init__()
        if input_shape[0] % 2:
            raise ValueError("source and target share the input evenly, so its length is even")
        positions = input_shape[0] // 2
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder = nn.ModuleList(
            Block(width, heads, hidden, positions=positions, kind=feed_forward) for _ in range(layers)
        )
        self.memory_norm = nn.RMSNorm(width)
        self.decoder = nn.ModuleList(
            Block(width, heads, hidden, positions=positions, causal=True, crossed=True, kind=feed_forward)
            for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, positions, vocabulary)`` for indices ``(n, 2 * positions)``."""
        memory, x = self.embedding(x).chunk(2, 1)
        for block in self.encoder:
            memory = block(memory)
        memory = self.memory_norm(memory)
        for block in self.decoder:
            x = block(x, memory)
        logits: torch.Tensor = self.head(self.norm(x))
        return logits


MODEL = EncoderDecoder
