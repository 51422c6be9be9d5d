"""Fixed-point requantization, exactly as ``tk_requantize`` in ``runtime/include/tk.h`` computes it."""

from __future__ import annotations

import math

import numpy as np

from toolkit.lower.ir import Quantization, Value
from toolkit.ops.fixed_point import multiply_high, shift_away


def quantize_multiplier(real: float) -> tuple[int, int]:
    """Return ``(multiplier, shift)`` with ``real ≈ multiplier / 2**shift`` and 31 bits of multiplier.

    ``shift`` is in 1..62. A real too small for that becomes ``(0, 31)``. Same rounding as TensorFlow Lite's
    ``QuantizeMultiplier``.

    Raises:
        ValueError: ``real`` is negative, not finite, or at least 2**30.
    """
    if not (math.isfinite(real) and 0 <= real < 2.0**30):
        raise ValueError(f"cannot rescale by {real}")
    mantissa, exponent = math.frexp(real)
    multiplier = math.floor(mantissa * 2**31 + 0.5)
    if multiplier == 2**31:
        multiplier, exponent = 2**30, exponent + 1
    shift = 31 - exponent
    return (multiplier, shift) if multiplier and shift <= 62 else (0, 31)


def quantize_multipliers(reals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return int64 arrays of multipliers and shifts, one per entry of ``reals``."""
    pairs = np.array([quantize_multiplier(float(real)) for real in np.ravel(reals)], np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def requantize(
    acc: np.ndarray, multiplier: np.ndarray | int, shift: np.ndarray | int, rounding: str = "single"
) -> np.ndarray:
    """Return ``acc * multiplier / 2**shift`` as integers; int64 in and out, broadcasting.

    "single" rounds once, half up. "double" rounds the product to 31 bits less, half up, and the shift that is left,
    half away from zero: what TensorFlow Lite Micro and CMSIS-NN do.
    """
    acc = np.asarray(acc, np.int64)
    shift = np.asarray(shift, np.int64)
    if rounding == "double":
        return shift_away(
            multiply_high(acc << np.maximum(31 - shift, 0), multiplier), np.maximum(shift - 31, 0)
        )
    return (acc * np.asarray(multiplier, np.int64) + (np.int64(1) << (shift - 1))) >> shift


def quantize_real(real: float, quant: Quantization) -> int:
    """Return the integer that stands for ``real`` in a per-tensor quantization, clipped to its range."""
    if math.isinf(real):
        return quant.qmax if real > 0 else quant.qmin
    scaled = round(float(real) / float(quant.scale[0])) + int(quant.zero_point[0])
    return max(quant.qmin, min(quant.qmax, scaled))


def output_bounds(output: Value, activation: tuple[float, float] | None) -> tuple[int, int]:
    """Return the integer bounds of an output, narrowed by a fused activation's real bounds."""
    assert output.quant is not None
    low, high = output.quant.qmin, output.quant.qmax
    if activation is not None:
        low = max(low, quantize_real(activation[0], output.quant))
        high = min(high, quantize_real(activation[1], output.quant))
    return low, high
