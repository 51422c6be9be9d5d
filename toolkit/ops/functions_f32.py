"""Functions of one float32 as ``tk_functions_f32.h`` computes them, every operation in the same order."""

from __future__ import annotations

import math

import numpy as np

from toolkit.ops.exponential import LN2_HIGH, LN2_LOW, exp_f32
from toolkit.ops.real_functions import Function

_F = np.float32
_ONE, _HALF, _ZERO = _F(1), _F(0.5), _F(0)


def _horner(x: np.ndarray, *coefficients: float) -> np.ndarray:
    y = np.full(x.shape, coefficients[0], _F)
    for coefficient in coefficients[1:]:
        y = y * x + _F(coefficient)
    return y


def exp_any(x: np.ndarray) -> np.ndarray:
    """exp(x) for any x."""
    root = _ONE / exp_f32(-_HALF * np.minimum(np.maximum(x, _ZERO), _F(170)))
    return np.where(x <= 0, exp_f32(np.minimum(x, _ZERO)), root * root)


def _expm1(x: np.ndarray) -> np.ndarray:
    series = _horner(x, 0.00138888889, 0.00833333333, 0.0416666667, 0.166666667, 0.5) * (x * x) + x
    return np.where(np.abs(x) > _F(0.25), exp_any(x) - _ONE, series)


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    small = exp_f32(-np.abs(x))
    return np.where(x >= 0, _ONE, small) / (_ONE + small)


def tanh(x: np.ndarray) -> np.ndarray:
    """Hyperbolic tangent."""
    square = x * x
    near = _horner(square, -0.0539682540, 0.133333333, -0.333333333) * square * x + x
    small = exp_f32(_F(-2) * np.abs(x))
    far = (_ONE - small) / (_ONE + small)
    return np.where(np.abs(x) < _F(0.25), near, np.where(x < 0, -far, far))


def erf(x: np.ndarray) -> np.ndarray:
    """Error function."""
    size = np.abs(x)
    t = _ONE / (_ONE + _F(0.3275911) * size)
    y = _horner(t, 1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    y = _ONE - y * t * exp_f32(-(size * size))
    return np.where(x < 0, -y, y)


def log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm."""
    x = x.astype(_F)
    tiny = x < _F(1.17549435e-38)
    offset = np.where(tiny, _F(-24), _ZERO)
    bits = np.where(tiny, x * _F(16777216), x).astype(_F).view(np.uint32)
    edge = np.uint32(0x3F3504F3)
    n = ((bits - edge) >> np.uint32(23)).astype(np.int32) - np.where(bits < edge, 512, 0).astype(np.int32)
    m = (bits - (n.astype(np.uint32) << np.uint32(23))).view(_F)
    whole = n.astype(_F) + offset
    s = (m - _ONE) / (m + _ONE)
    square = s * s
    y: np.ndarray = _horner(square, 0.222222222, 0.285714286, 0.4, 0.666666667) * square * s + _F(2) * s
    y = whole * LN2_HIGH + (whole * LN2_LOW + y)
    edges: np.ndarray = np.where(x > 0, x, np.where(x == 0, _F(-np.inf), _F(np.nan)))
    return np.where((x > 0) & ~np.isinf(x), y, edges).astype(_F)


def _log1p(x: np.ndarray) -> np.ndarray:
    total = _ONE + x
    plain = log(total)
    corrected = plain * (x / (total - _ONE))
    return np.where(total == 1, x, np.where((total > 0) & (x <= _F(1e18)), corrected, plain))


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + exp(x))."""
    return np.where(x > 0, x, _ZERO) + _log1p(exp_f32(-np.abs(x)))


def sqrt(x: np.ndarray) -> np.ndarray:
    """Square root."""
    x = np.asarray(x, _F)
    y: np.ndarray = (np.uint32(0x1FBD1DF5) + (x.view(np.uint32) >> np.uint32(1))).view(_F)
    for _ in range(3):
        y = _HALF * (y + x / y)
    return np.where(x > 0, np.where(np.isinf(x), x, y), np.where(x == 0, x, _F(np.nan))).astype(_F)


def _pow(x: np.ndarray, exponent: float) -> np.ndarray:
    p = _F(exponent)
    if abs(p) <= 16 and int(abs(p)) == abs(p):
        y = np.ones(x.shape, _F)
        for _ in range(int(abs(p))):
            y = y * x
        return _ONE / y if p < 0 else y
    return np.where(x == 0, _F(np.inf) if p < 0 else _ZERO, exp_any(p * log(x)))


def round_even(x: np.ndarray) -> np.ndarray:
    """Nearest whole number, halves to even."""
    return np.rint(x)


def sine(x: np.ndarray, quarter: int) -> np.ndarray:
    """sin(x + quarter * pi / 2), |x| up to some thousands."""
    turns = round_even(x * _F(0.636619772))
    r = ((x - turns * _F(1.5703125)) - turns * _F(0.000483751297)) - turns * _F(7.54978942e-08)
    n = turns.astype(np.int32) + quarter
    square = r * r
    cosine = _horner(square, 2.48015873e-05, -0.00138888889, 0.0416666667, -0.5, 1.0)
    sine = _horner(square, 2.75573192e-06, -0.000198412698, 0.00833333333, -0.166666667) * square * r + r
    y = np.where(n & 1, cosine, sine)
    return np.where(n & 2, -y, y)


def _trunc(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, -np.floor(-x), np.floor(x))


def atan(x: np.ndarray) -> np.ndarray:
    """Inverse tangent."""
    size = np.abs(x)
    t = np.where(size > 1, _ONE / size, size)
    outer = t > _F(0.414213562)
    z = np.where(outer, (t - _ONE) / (t + _ONE), t)
    square = z * z
    y = _horner(square, 0.0805374450, -0.138776856, 0.199777106, -0.333329492) * square * z + z
    y = np.where(outer, y + _F(0.785398163), y)
    y = np.where(size > 1, _F(1.57079633) - y, y)
    return np.where(x < 0, -y, y)


def _asin(x: np.ndarray) -> np.ndarray:
    return atan(x / sqrt((_ONE - x) * (_ONE + x)))


def _sinh(x: np.ndarray) -> np.ndarray:
    square, power = x * x, exp_any(x)
    near = _horner(square, 0.000198412698, 0.00833333333, 0.166666667) * square * x + x
    return np.where(np.abs(x) < _F(0.25), near, _HALF * (power - _ONE / power))


def _cosh(x: np.ndarray) -> np.ndarray:
    power = exp_any(np.abs(x))
    return _HALF * (power + _ONE / power)


def _asinh(x: np.ndarray) -> np.ndarray:
    size = np.abs(x)
    square = size * size
    y = _log1p(size + square / (_ONE + sqrt(square + _ONE)))
    return np.where(x < 0, -y, y)


def _atanh(x: np.ndarray) -> np.ndarray:
    size = np.abs(x)
    y = _HALF * _log1p(_F(2) * size / (_ONE - size))
    return np.where(x < 0, -y, y)


def _softshrink(x: np.ndarray, edge: float) -> np.ndarray:
    return np.where(x > _F(edge), x - _F(edge), np.where(x < -_F(edge), x + _F(edge), _ZERO))


def _hard_gate(x: np.ndarray) -> np.ndarray:
    return np.clip(x + _F(3), _ZERO, _F(6)) / _F(6)


def _elu(x: np.ndarray, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> np.ndarray:
    below = _F(alpha) * _expm1(np.minimum(x, _ZERO) * _F(input_scale))
    return _F(scale) * np.where(x > 0, x, below)


def _softplus_of(x: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    z = x * _F(beta)
    return np.where(z > _F(threshold), x, softplus(z) / _F(beta))


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    inner = _F(0.797884561) * (x + _F(0.044715) * (x * x * x))
    return _HALF * x * (_ONE + tanh(inner))


FUNCTIONS: dict[str, Function] = {
    "sigmoid": sigmoid,
    "tanh": tanh,
    "gelu": lambda x: _HALF * x * (_ONE + erf(x * _F(0.707106781))),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * tanh(softplus(x)),
    "hardswish": lambda x: x * _hard_gate(x),
    "hardsigmoid": _hard_gate,
    "elu": _elu,
    "leaky_relu": lambda x, slope: np.where(x >= 0, x, _F(slope) * x),
    "softplus": _softplus_of,
    "softsign": lambda x: x / (_ONE + np.abs(x)),
    "log_sigmoid": lambda x: -softplus(-x),
    "erf": erf,
    "exp": exp_any,
    "expm1": _expm1,
    "log": log,
    "log1p": _log1p,
    "sqrt": sqrt,
    "rsqrt": lambda x: _ONE / sqrt(x),
    "reciprocal": lambda x: _ONE / x,
    "pow": _pow,
    "exponential": lambda x, base: exp_any(x * _F(math.log(base))),
    "abs": np.abs,
    "neg": np.negative,
    "sin": lambda x: sine(x, 0),
    "cos": lambda x: sine(x, 1),
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": round_even,
    "trunc": _trunc,
    "frac": lambda x: x - _trunc(x),
    "log_scaled": lambda x, factor: log(x) * _F(factor),
    "erfc": lambda x: _ONE - erf(x),
    "asin": _asin,
    "acos": lambda x: _F(1.57079633) - _asin(x),
    "atan": atan,
    "sinh": _sinh,
    "cosh": _cosh,
    "asinh": _asinh,
    "acosh": lambda x: log(x + sqrt((x - _ONE) * (x + _ONE))),
    "atanh": _atanh,
    "threshold": lambda x, threshold, value: np.where(x > _F(threshold), x, _F(value)),
    "hardshrink": lambda x, edge: np.where(np.abs(x) > _F(edge), x, _ZERO),
    "softshrink": _softshrink,
}
NAMES = tuple(FUNCTIONS)  # in the order of the enum in tk_function_f32.h


def evaluate_f32(name: str, x: np.ndarray, parameters: tuple[float, ...] = ()) -> np.ndarray:
    """Return the function's values in float32, to the bit as the kernel computes them."""
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[name](x.astype(_F), *parameters)).astype(_F)
