"""Spikes made of numbers from 0 to 1: ``(n, ...)`` becomes ``(time, n, ...)``."""

from __future__ import annotations

import torch
from torch import Tensor


def direct(x: Tensor, steps: int) -> Tensor:
    """Return ``x`` at each of ``steps`` steps: the first layer's neurons make the spikes."""
    return x.expand(steps, *x.shape)


def rate(x: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
    """Return spikes whose chance at each step is ``x``."""
    chance = torch.rand((steps, *x.shape), generator=generator)
    return (chance < x).to(x.dtype)


def latency(x: Tensor, steps: int) -> Tensor:
    """Return one spike for each value: at once for 1, at the last step for the smallest above 0, none for 0."""
    at = ((1.0 - x.clamp(0.0, 1.0)) * (steps - 1)).round()
    times = torch.arange(steps, dtype=x.dtype).view(-1, *[1] * x.dim())
    return ((times == at) & (x > 0)).to(x.dtype)


def delta(x: Tensor, threshold: float) -> Tensor:
    """Return 1, 0 or -1 for each step of ``x``, (time, n, ...): it has moved by ``threshold`` since the last spike.

    Raises:
        ValueError: ``threshold`` is not positive.
    """
    if not threshold > 0:
        raise ValueError(f"a threshold of {threshold}: give a number greater than 0")
    known, spikes = torch.zeros_like(x[0]), []
    for at in x:
        moved = at - known
        spikes.append(torch.sign(moved) * (moved.abs() >= threshold))
        known = known + spikes[-1] * threshold
    return torch.stack(spikes)
