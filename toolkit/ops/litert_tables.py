"""Tables of int8 functions as LiteRT's and TensorFlow Lite Micro's reference kernels compute each entry.

Some of those kernels are fixed point, others fill a table from float32 themselves. Sigmoid and tanh are a table in
LiteRT 2.3 and fixed point in TensorFlow Lite Micro. Scales are float32 there, and so is some of the arithmetic: that
decides values half-way between integers.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from toolkit.ops.exponential import exp_below_zero, newton_reciprocal, reciprocal_q31
from toolkit.ops.fixed_point import multiply_high, shift_away, shift_left_saturated
from toolkit.ops.real_functions import evaluate
from toolkit.ops.requantize import quantize_multiplier, requantize

Scaling = tuple[float, int]  # scale, zero point
Table = Callable[[Scaling, Scaling, tuple[float, ...]], np.ndarray]

FIXED = {"sigmoid": (1 / 256, -128), "tanh": (1 / 128, 0)}  # the outputs that their kernels demand
_CODES = np.arange(-128, 128, dtype=np.int64)


def litert_table(
    name: str, x: Scaling, y: Scaling, parameters: tuple[float, ...], rounding: str
) -> np.ndarray | None:
    """Return int64 entries for the codes -128..127, not yet clipped.

    None where these frameworks define no such function, or ``rounding`` does not ask for theirs ("double" does;
    "single" only for sigmoid and tanh).
    """
    if name in FIXED:
        if y != FIXED[name]:
            return None
        return (_TABLES[name] if rounding == "double" else _from_float(name))(x, y, parameters)
    table = _TABLES.get(name)
    return None if table is None or rounding != "double" else table(x, y, parameters)


def _gate_input(x: Scaling) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes in Q4.27, and -1 or 1 where they lie beyond what that holds."""
    multiplier, shift = quantize_multiplier(x[0] * 2**26)  # half of scale * 2**27, which may reach 2**30
    left = 32 - shift
    radius = math.floor(15 * 2**27 / 2.0**left)
    centred = _CODES - x[1]
    beyond = np.where(centred <= -radius, -1, np.where(centred >= radius, 1, 0))
    inner = np.where(beyond == 0, centred, 0)
    return shift_away(multiply_high(inner << max(left, 0), multiplier), max(-left, 0)), beyond


def _sigmoid(x: Scaling, y: Scaling, parameters: tuple[float, ...]) -> np.ndarray:
    q27, beyond = _gate_input(x)
    size = np.abs(q27)
    positive = reciprocal_q31(exp_below_zero(-size, 4))
    result = np.where(q27 == 0, 2**30, np.where(q27 > 0, positive, 2**31 - 1 - positive))
    codes = shift_away(result, 23) - 128
    return np.where(beyond == 0, codes, np.where(beyond < 0, -128, 127))


def _tanh(x: Scaling, y: Scaling, parameters: tuple[float, ...]) -> np.ndarray:
    q27, beyond = _gate_input(x)
    small = exp_below_zero(-np.abs(q27), 5)  # twice the value: the same integer with one more integer bit
    positive = shift_left_saturated(newton_reciprocal(small) - (1 << 29), 2)
    result = np.where(q27 == 0, 0, np.where(q27 > 0, positive, -positive))
    codes = shift_away(result, 24)
    return np.where(beyond == 0, codes, np.where(beyond < 0, -128, 127))


def _high16(a: np.ndarray, b: int | np.ndarray) -> np.ndarray:
    """a * b / 2**15 of int16, rounded half up."""
    return np.clip((a * np.int64(b) + (1 << 14)) >> 15, -(2**15), 2**15 - 1)


def _int16_multiplier(real: float) -> tuple[int, int]:
    multiplier, shift = quantize_multiplier(real)
    return min((multiplier + (1 << 15)) >> 16, 32767), 31 - shift


def _hardswish(x: Scaling, y: Scaling, parameters: tuple[float, ...]) -> np.ndarray:
    f32 = np.float32
    fine = f32(1 / 128) * f32(x[0])
    out_multiplier, out_exponent = _int16_multiplier(float(f32(fine / f32(y[0]))))
    gate_multiplier, exponent = _int16_multiplier(float(f32(fine / f32(3.0 / 32768.0))))
    if out_exponent > 0:
        raise ValueError("LiteRT has no hardswish to so fine a scale")
    value = (_CODES - x[1]) << 7
    product = _high16(value, out_multiplier)

    def left(v: np.ndarray, bits: int) -> np.ndarray:
        return np.clip(v << bits, -(2**15), 2**15 - 1)

    gate = left(value, exponent - 1) if exponent > 0 else value
    gate = _high16(gate, gate_multiplier)
    if exponent > 0:
        gate = left(gate, 1)
    elif exponent < 0:
        gate = shift_away(gate, -exponent)
    gate = (gate + (1 << 15)) >> 1
    raw = gate * product
    toward_zero = np.sign(raw) * (np.abs(raw) >> 15)
    return shift_away(toward_zero, -out_exponent) + y[1]


def _leaky_relu(x: Scaling, y: Scaling, parameters: tuple[float, ...]) -> np.ndarray:
    f32 = np.float32
    centred = _CODES - x[1]
    ratios = f32(x[0]) / f32(y[0]), f32(x[0]) * f32(parameters[0]) / f32(y[0])
    above, below = (_signed_requantize(centred, float(ratio)) for ratio in ratios)
    return np.where(centred >= 0, above, below) + y[1]


def _signed_requantize(values: np.ndarray, ratio: float) -> np.ndarray:
    scaled = requantize(values, *quantize_multiplier(min(abs(ratio), 2.0**16)), "double")
    return scaled if ratio >= 0 else -scaled


def _abs(x: Scaling, y: Scaling, parameters: tuple[float, ...]) -> np.ndarray:
    ratio = float(np.float32(x[0]) / np.float32(y[0]))
    return _signed_requantize(np.abs(_CODES - x[1]), ratio) + y[1]


def _from_float(name: str) -> Table:
    def table(x: Scaling, y: Scaling, parameters: tuple[float, ...]) -> np.ndarray:
        """As LiteRT's ``LUTPopulate``: float32 between the integers, halves away from zero."""
        f32 = np.float32
        real = f32(x[0]) * (_CODES - x[1]).astype(f32)
        with np.errstate(over="ignore"):
            if name == "sigmoid":
                function = f32(1) / (f32(1) + np.exp(-real.astype(np.float64)).astype(f32))
            else:
                function = evaluate(name, real, parameters).astype(f32)
            value = np.nan_to_num(function * (f32(1) / f32(y[0]))).astype(np.float64)
        value = np.clip(value, -1e9, 1e9)
        return (np.trunc(value + np.copysign(0.5, value)) + y[1]).astype(np.int64)

    return table


_TABLES: dict[str, Table] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "hardswish": _hardswish,
    "leaky_relu": _leaky_relu,
    "abs": _abs,
    **{name: _from_float(name) for name in ("gelu", "gelu_tanh", "elu", "exp", "log")},
}
