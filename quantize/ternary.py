"""Exactly ternary tensors: every channel holds only ``-scale``, ``0`` and ``scale``."""

from __future__ import annotations

import torch
from torch import Tensor

from quantize.method import MethodError


class NotTernaryError(MethodError):
    """A tensor that was to be ternary holds another value."""


def split(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return ``(codes, scale)`` with ``weight == codes * scale`` exactly.

    Args:
        weight: float, first axis = output channels.

    Returns:
        codes: int8 of ``weight``'s shape, in -1..1.
        scale: float of shape ``(channels,)``; 0 where a channel is all zero.

    Raises:
        NotTernaryError: some channel holds more than one magnitude besides zero.
    """
    flat = weight.detach().flatten(1)
    scale = flat.abs().amax(1)
    codes = torch.sign(flat)
    wrong = (codes * scale[:, None] != flat).any(1)
    if wrong.any():
        channel = int(wrong.nonzero()[0])
        magnitudes = flat[channel].abs().unique().tolist()
        shown = ", ".join(f"{m:.6g}" for m in magnitudes[:4])
        raise NotTernaryError(
            f"channel {channel} holds {len(magnitudes)} magnitudes ({shown}, ...), not 0 and one scale",
            fix="train again with a lower learning rate",
        )
    return codes.to(torch.int8).reshape(weight.shape), scale


def drop_weak_channels(weight: Tensor, ratio: float) -> int:
    """Set channels to zero whose scale is below ``ratio`` times the largest, in place; return how many."""
    scale = weight.detach().flatten(1).abs().amax(1)
    weak = (scale > 0) & (scale < ratio * scale.max())
    with torch.no_grad():
        weight[weak] = 0
    return int(weak.sum())


def one_scale(scale: Tensor) -> bool:
    """Return True when all channels that are not zero share one scale."""
    return scale[scale > 0].unique().numel() <= 1
