"""What rules share that learn block by block."""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.training.forward import Forward


def by_block(forward: Forward, chosen: list[str]) -> dict[int, list[str]]:
    """Return the weights ``chosen`` by the block in which they lie."""
    found: dict[int, list[str]] = {}
    for name in chosen:
        found.setdefault(forward.block_of[name], []).append(name)
    return found


def matrices(forward: Forward, chosen: list[str], classes: int, seed: int) -> dict[int, Tensor]:
    """Return a random matrix, classes x what the block gives, for each block that learns, but for the last one.

    Its values shrink with the block's width, so that products with it keep their size.
    """
    widths = forward.widths()
    generator = torch.Generator().manual_seed(seed)
    blocks = sorted({forward.block_of[name] for name in chosen} - {forward.blocks - 1})
    return {
        block: torch.randn(classes, widths[block], generator=generator) / widths[block] ** 0.5
        for block in blocks
    }
