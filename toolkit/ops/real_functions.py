"""Functions of one real number in double precision: what tables of integers are filled from.

Every function takes a float64 array and its parameters; ``FUNCTIONS`` lists them by the name that steps carry.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

Function = Callable[..., np.ndarray]

_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small)


def _softplus(x: np.ndarray, beta: float = 1.0, threshold: float = 20.0) -> np.ndarray:
    z = x * beta
    return np.where(z > threshold, x, (np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))) / beta)


def _elu(x: np.ndarray, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> np.ndarray:
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * input_scale))


def _pow(x: np.ndarray, exponent: float) -> np.ndarray:
    return np.power(x, exponent)


FUNCTIONS: dict[str, Function] = {
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "gelu": lambda x: 0.5 * x * (1.0 + _erf(x / math.sqrt(2.0))),
    "gelu_tanh": lambda x: 0.5 * x * (1.0 + np.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "hardswish": lambda x: x * np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "hardsigmoid": lambda x: np.clip(x + 3.0, 0.0, 6.0) / 6.0,
    "elu": _elu,  # alpha, scale, input scale
    "leaky_relu": lambda x, slope: np.where(x >= 0, x, slope * x),
    "softplus": _softplus,  # beta, threshold
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    "log_sigmoid": lambda x: -_softplus(-x),
    "erf": _erf,
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "rsqrt": lambda x: 1.0 / np.sqrt(x),
    "reciprocal": lambda x: 1.0 / x,
    "pow": _pow,  # exponent
    "exponential": lambda x, base: np.power(base, x),
    "abs": np.abs,
    "neg": np.negative,
    "sin": np.sin,
    "cos": np.cos,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "trunc": np.trunc,
    "frac": lambda x: x - np.trunc(x),
    "log_scaled": lambda x, factor: np.log(x) * factor,
    "erfc": lambda x: 1.0 - _erf(x),
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "threshold": lambda x, threshold, value: np.asarray(np.where(x > threshold, x, value)),
    "hardshrink": lambda x, edge: np.asarray(np.where(np.abs(x) > edge, x, 0.0)),
    "softshrink": lambda x, edge: np.sign(x) * np.maximum(np.abs(x) - edge, 0.0),
}


def evaluate(name: str, x: np.ndarray, parameters: tuple[float, ...] = ()) -> np.ndarray:
    """Return the function's values in float64; infinite or NaN where it has none."""
    with np.errstate(all="ignore"):
        return np.asarray(FUNCTIONS[name](np.asarray(x, np.float64), *parameters), np.float64)
