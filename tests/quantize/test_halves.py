"""Fractions that no integer times gives a half: float32 and exact arithmetic round them alike."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantize.halves import LARGEST_DIVISOR, without_halves


def fraction(ratio: float) -> Fraction:
    return Fraction(ratio).limit_denominator(LARGEST_DIVISOR)


@given(st.floats(1 / LARGEST_DIVISOR, 4.0))
def test_a_fraction_with_an_odd_divisor_just_above(ratio: float) -> None:
    chosen = float(without_halves(torch.tensor([ratio], dtype=torch.float64))[0])
    assert fraction(chosen).denominator % 2 == 1
    assert abs(float(fraction(chosen)) - chosen) < 1e-12
    assert ratio <= chosen <= ratio * 1.002


def test_what_is_too_small_comes_back() -> None:
    ratios = torch.tensor([1e-9, 0.9 / LARGEST_DIVISOR], dtype=torch.float64)
    assert torch.equal(without_halves(ratios), ratios)


def test_shapes_are_kept() -> None:
    assert without_halves(torch.full((3, 2), 0.01)).shape == (3, 2)


@given(st.floats(1 / LARGEST_DIVISOR, 2.0), st.floats(1e-3, 10.0), st.floats(1e-3, 10.0))
def test_float32_rounds_as_exact_arithmetic_does(ratio: float, before: float, after: float) -> None:
    chosen = float(without_halves(torch.tensor([ratio], dtype=torch.float64))[0])
    x, y = np.float32(before), np.float32(after)
    weight = np.float32(chosen * float(y) / float(x))
    scale = x * weight / y  # each step in float32, as runtimes do
    reach = int(128 / chosen) + 2
    sums = np.unique(np.concatenate([np.arange(-300, 301), np.linspace(-reach, reach, 5000).astype(int)]))
    exact = [_rounded(int(total) * fraction(chosen)) for total in sums]
    assert np.array_equal(np.rint(sums.astype(np.float32) * scale), exact)
    up = np.floor(sums.astype(np.float32) * scale + np.float32(0.5))  # another rule for halves
    assert np.array_equal(up, exact)


def _rounded(value: Fraction) -> int:
    assert value.denominator % 2 == 1  # no half
    return round(value)
