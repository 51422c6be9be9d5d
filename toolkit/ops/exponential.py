"""Exponentials as the softmax kernels compute them, every operation in the same order."""

from __future__ import annotations

import numpy as np

from toolkit.ops.fixed_point import multiply_high, shift_away, shift_left_saturated

EXP_OF_EIGHTH = 1895147668  # exp(-1/8) in Q0.31
THIRD = 715827883  # 1/3 in Q0.31
FACTORS = (
    1672461947,
    1302514674,
    790015084,
    290630308,
    39332535,
    720401,
    242,
)  # exp(-2**k), k = -2..4, Q0.31

LN2_HIGH, LN2_LOW = np.float32(0.693359375), np.float32(-0.000212194442)
# (exp(r) - 1 - r) / r**2 on |r| <= ln 2 / 2, least relative error of exp(r): 4e-9 before rounding.
POLYNOMIAL = (0.00138116616, 0.00837013498, 0.0416685268, 0.166665092, 0.49999994)


def exp_q26(x: np.ndarray) -> np.ndarray:
    """Return exp(x) in Q0.31 for x <= 0 in Q5.26; int64 arrays. See ``tk_exp_q26``."""
    return exp_below_zero(x, 5)


def exp_below_zero(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """Return exp(x) in Q0.31 for x <= 0 with 4 or 5 integer bits; int64 arrays."""
    quarter = 1 << (29 - integer_bits)
    part = (x & (quarter - 1)) - quarter
    t = (part << integer_bits) + (1 << 28)
    t2 = multiply_high(t, t)
    t3, t4 = multiply_high(t2, t), multiply_high(t2, t2)
    third = multiply_high(shift_away(t4, 2) + t3, THIRD)
    y = EXP_OF_EIGHTH + multiply_high(t + shift_away(third + t2, 1), EXP_OF_EIGHTH)
    rest = part - x
    for k, factor in enumerate(FACTORS[: integer_bits + 2]):
        y = np.where((rest >> (29 - integer_bits + k)) & 1, multiply_high(y, factor), y)
    return np.where(x == 0, 2**31 - 1, y)


def reciprocal_q31(x: np.ndarray) -> np.ndarray:
    """Return 1 / (1 + x) in Q0.31 for 0 <= x < 1 in Q0.31; int64 arrays. See ``tk_reciprocal_q31``."""
    return shift_left_saturated(newton_reciprocal(x), 1)


def newton_reciprocal(x: np.ndarray) -> np.ndarray:
    """Return 2 / (1 + x) in Q2.29 for 0 <= x < 1 in Q0.31; int64 arrays."""
    half = (x + 2**31) >> 1
    y = 1515870810 + multiply_high(half, -1010580540)
    for _ in range(3):
        y = y + shift_left_saturated(multiply_high(y, (1 << 29) - multiply_high(half, y)), 2)
    return y


def exp_f32(x: np.ndarray) -> np.ndarray:
    """Return exp(x) in float32 for x <= 0, 0 below -87. See ``tk_exp_f32``."""
    x = x.astype(np.float32)
    kept = np.where(x > -87, x, np.float32(0))
    n = (kept * np.float32(1.44269502) - np.float32(0.5)).astype(np.int32)
    whole = n.astype(np.float32)
    r = (kept - whole * LN2_HIGH) - whole * LN2_LOW
    y = np.full(x.shape, POLYNOMIAL[0], np.float32)
    for coefficient in POLYNOMIAL[1:]:
        y = y * r + np.float32(coefficient)
    y = y * (r * r) + r + np.float32(1)
    power = ((n + 127) << 23).astype(np.int32).view(np.float32)
    return np.where(x > -87, y * power, np.float32(0))
