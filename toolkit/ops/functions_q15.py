"""The logistic function and the hyperbolic tangent in 16-bit fixed point, as ``tk_functions_q15.h`` computes them.

Every rounding is that of gemmlowp's ``logistic`` and ``tanh`` of ``FixedPoint<int16_t>``. LiteRT's integer LSTM uses
those; its other operators on int16 read tables instead (``toolkit.ops.gate_s16``). All arrays are int64.
"""

from __future__ import annotations

import numpy as np

from toolkit.ops.exponential import EXP_OF_EIGHTH, FACTORS, THIRD

ONE = 2**15 - 1  # as near as Q0.15 comes


def logistic_q15(x: np.ndarray) -> np.ndarray:
    """Return ``1 / (1 + exp(-x))`` in Q0.15 for x in Q3.12."""
    above = np.minimum(_reciprocal(_exp_below_zero(-np.abs(x), 3)) << 1, ONE)
    return np.where(x == 0, 1 << 14, np.where(x > 0, above, ONE - above))


def tanh_q15(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """Return ``tanh(x)`` in Q0.15 for x with 0 to 6 integer bits: ``(1 - exp(-2x)) / (1 + exp(-2x))``."""
    above = np.minimum((_reciprocal(_exp_below_zero(-np.abs(x), integer_bits + 1)) - (1 << 13)) << 2, ONE)
    return np.sign(x) * above


def _multiply(a: np.ndarray, b: np.ndarray | int) -> np.ndarray:
    """Return ``a * b / 2**15``, rounded half up."""
    return (a * b + (1 << 14)) >> 15


def _shortened(q31: int) -> int:
    """Return a constant in Q0.31 as one in Q0.15."""
    return (q31 + (1 << 15)) >> 16


def _exp_below_zero(x: np.ndarray, integer_bits: int) -> np.ndarray:
    """Return exp(x) in Q0.15 for x <= 0: a series around -1/8, times factors for the bits above 1/4."""
    quarter = 1 << (13 - integer_bits)
    part = (x & (quarter - 1)) - quarter
    t = (part << integer_bits) + (1 << 12)
    t2 = _multiply(t, t)
    t3, t4 = _multiply(t2, t), _multiply(t2, t2)
    third = _multiply(((t4 + 2) >> 2) + t3, _shortened(THIRD)) + t2
    series = t + _half_away(third)
    y = np.minimum(_shortened(EXP_OF_EIGHTH) + _multiply(series, _shortened(EXP_OF_EIGHTH)), ONE)
    for k, factor in enumerate(FACTORS[: integer_bits + 2]):
        bit = ((part - x) >> (13 - integer_bits + k)) & 1
        y = np.where(bit, _multiply(y, _shortened(factor)), y)
    if integer_bits > 5:  # below -32
        y = np.where(x < -(1 << (20 - integer_bits)), 0, y)
    return np.where(x == 0, ONE, y)


def _half_away(x: np.ndarray) -> np.ndarray:
    """Return ``x / 2``, rounded half away from zero."""
    return (x + (x >= 0)) >> 1


def _reciprocal(x: np.ndarray) -> np.ndarray:
    """Return ``1 / (1 + x)`` in Q1.14 for 0 <= x < 1 in Q0.15: Newton-Raphson, three steps."""
    half = (x + (1 << 15)) >> 1
    y = 23130 + _multiply(half, -15420)  # 48/17 and 32/17 in Q2.13
    for _ in range(3):
        y = y + (_multiply(y, (1 << 13) - _multiply(half, y)) << 2)
    return y
