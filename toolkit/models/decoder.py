"""Decoder language model: causal attention over characters, each position answers with the next one.

As Llama's blocks (Touvron et al. 2023): RMSNorm, rotary positions, gated feed-forward, no biases; with BitNet's norms
before each block's last linear layers.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from toolkit.models._attention import Block
from toolkit.models._preset import Preset

PRESETS = {
    "tiny": Preset(
        "4 layers of 128, 128 characters of context: 802 k weights (200 KB at 2 bits)",
        (128,),
        {"width": 128, "layers": 4, "heads": 4, "hidden": 344},
    ),
    "micro": Preset(
        "2 layers of 64, 64 characters of context: 108 k weights (27 KB at 2 bits)",
        (64,),
        {"width": 64, "layers": 2, "heads": 2, "hidden": 176},
    ),
}


class Decoder(nn.Module):
    """``embedding``, ``blocks``, ``norm`` and ``head``; ``vocabulary`` is the number of characters.

    ``key_value_heads``, ``eps`` and ``rotary_base`` are ``Attention``'s; ``feed_forward`` is one of ``FEED_FORWARDS``.
    """

    def __init__(
        self,
        input_shape: tuple[int],
        vocabulary: int = 65,
        width: int = 128,
        layers: int = 4,
        heads: int = 4,
        hidden: int = 344,
        feed_forward: str = "gated",
        key_value_heads: int = 0,
        eps: float | None = None,
        rotary_base: float = 10000.0,
    ) -> None:
        super().__init__()
        (positions,) = input_shape
        self.positions = positions
        self.embedding = nn.Embedding(vocabulary, width)
        attention: dict[str, Any] = {"key_value_heads": key_value_heads, "eps": eps, "base": rotary_base}
        self.blocks = nn.ModuleList(
            Block(width, heads, hidden, positions=positions, causal=True, kind=feed_forward, **attention)
            for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, eps)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(n, positions, vocabulary)`` for characters' indices ``(n, positions)``."""
        x = self.embedding(x)
        for block in self.blocks:
            x = block(x)
        logits: torch.Tensor = self.head(self.norm(x))
        return logits


class DecoderStep(nn.Module):
    """A trained ``Decoder`` one character a run, with its weights and names; it keeps position, keys and values.

    After ``decoder.positions`` characters it forgets them and begins anew.
    """

    position: torch.Tensor

    def __init__(self, decoder: Decoder) -> None:
        super().__init__()
        decoder = copy.deepcopy(decoder)
        self.embedding, self.norm, self.head = decoder.embedding, decoder.norm, decoder.head
        blocks: Any = decoder.blocks
        self.blocks = blocks
        self.caches = nn.ModuleList(block.attention.cache(decoder.positions) for block in blocks)
        self.positions = decoder.positions
        self.register_buffer("position", torch.zeros(1, dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits ``(1, vocabulary)`` for a character's index ``(1,)`` and all before it."""
        x = self.embedding(x)
        for block, cache in zip(self.blocks, self.caches, strict=True):
            x = block.step(x, cache, self.position)
        logits: torch.Tensor = self.head(self.norm(x))
        self.position.copy_((self.position + 1) % self.positions)
        return logits


MODEL = Decoder
STREAM = DecoderStep
