"""Scales of which no product lies halfway between two integers, so that all runtimes round it to the same one."""

from __future__ import annotations

import torch
from torch import Tensor

LARGEST_DIVISOR = 4095
_DIVISORS = 128  # of which one is chosen


def without_halves(ratio: Tensor) -> Tensor:
    """Return, for each positive ratio of scales, the fraction just above it with an odd divisor of at most 4,095.

    An integer times ``a / d`` with an odd d is never n + 1/2, for twice that is even on one side and odd on the other:
    it is at least 1 / 2d away from it. That is three times what float32 may be wrong by for results of 8 bits: four
    roundings of up to 2**-24, of 128. So whoever multiplies in float32, and whoever does with an integer and a shift,
    gets the same integer, whatever they do with halves.

    Ratios below 1 / 4,095 come back as they are: no such fraction is near.

    Returns:
        float64, of the shape of ``ratio``; seldom more than a thousandth above it.
    """
    exact = ratio.double().reshape(-1, 1)
    divisors = torch.arange(LARGEST_DIVISOR, LARGEST_DIVISOR - 2 * _DIVISORS, -2, dtype=torch.float64)
    # Beside large divisors, the largest that a numerator of 1 to 16 takes.
    numerators = torch.arange(1, 17, dtype=torch.float64)
    fitting = torch.clamp(2 * torch.floor((numerators / exact - 1) / 2) + 1, 1, LARGEST_DIVISOR)
    divisors = torch.cat([divisors.expand(len(exact), -1), fitting], dim=1)
    nearest = (torch.ceil(exact * divisors) / divisors).amin(dim=1).reshape(ratio.shape)
    return torch.where(ratio.double() < 1 / LARGEST_DIVISOR, ratio.double(), nearest)
