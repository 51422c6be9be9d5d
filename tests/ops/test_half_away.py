"""Multipliers that round halves away from zero, held against exact arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from toolkit.ops.half_away import away_multipliers
from toolkit.ops.requantize import quantize_multiplier, requantize


def _exactly_away(acc: int, multiplier: int, shift: int) -> int:
    magnitude = (abs(acc) * multiplier + (1 << (shift - 1))) >> shift
    return magnitude if acc >= 0 else -magnitude


REALS = [0.5, 0.25, 2.0**-9, 0.75, 0.375, 5 / 1024, 1.0, 1.5, 4.0, 0.1, 1 / 3, 0.0007, (2**20 + 1) / 2**30]


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize("largest", [300, 70_000, 2**20 - 1])
def test_every_sum(real: float, largest: int) -> None:
    multiplier, shift = quantize_multiplier(real)
    found = away_multipliers(np.array([multiplier]), np.array([shift]), np.array([largest]))
    assert found is not None
    near = np.rint((np.arange(-200, 201) + 0.5) / real).astype(np.int64)  # where halves lie
    sums = np.unique(
        np.clip(np.concatenate([np.arange(-300, 301), near, near - 1, near + 1]), -largest, largest)
    )
    got = requantize(sums, found[0], shift)
    assert got.tolist() == [_exactly_away(int(acc), multiplier, shift) for acc in sums]


def test_what_no_multiplier_does() -> None:
    """A multiplier with ten zero bits and sums beyond 2**10 that reach half-way."""
    multiplier, shift = (2**21 - 1) << 10, 31
    assert away_multipliers(np.array([multiplier]), np.array([shift]), np.array([2**21])) is None
    assert away_multipliers(np.array([multiplier]), np.array([shift]), np.array([2**9])) is not None


def test_each_channel_for_itself() -> None:
    multiplier, shift = np.array([2**30, 2**30 + 1, 2**30]), np.array([31, 31, 40])
    found = away_multipliers(multiplier, shift, np.array([100, 100, 100]))
    assert found is not None
    assert (found - multiplier).tolist() == [1, 0, 0]  # the third's sums never reach half
