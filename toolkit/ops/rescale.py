"""From one int8 scale to another, for operators that otherwise only move or clip values."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Emitter
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.ops.requantize import quantize_multiplier, requantize

SATURATING = 2.0**16  # from here on, every value but the zero point ends at a bound


def same_scale(x: Value, y: Value) -> bool:
    """True when the integers of ``x`` and ``y`` stand for the same reals, or both are float."""
    if x.quant is None or y.quant is None:
        return x.quant is y.quant
    return scale_of(x) == scale_of(y) and zero_point_of(x) == zero_point_of(y)


def rescale(data: np.ndarray, x: Value, step: Step, low: int, high: int) -> np.ndarray:
    """Return int8 ``data`` of ``x`` at the scale of the step's output, clipped; rounds as the step does."""
    multiplier, shift, zero_in, zero_out = _parameters(x, step.output)
    scaled = requantize(data.astype(np.int64) - zero_in, multiplier, shift, step.rounding) + zero_out
    return np.clip(scaled, low, high).astype(np.int8)


def rescale_call(
    x: Value,
    step: Step,
    low: int,
    high: int,
    output: str,
    shape: tuple[int, int, int],
    emitter: Emitter,
    suffix: str,
) -> Call:
    """Return the call that does as ``rescale``, to ``output``; ``shape`` is rows, size of a row, output stride."""
    multiplier, shift, zero_in, zero_out = _parameters(x, step.output)
    multiplier_name = emitter.constant(f"multiplier{suffix}", np.array([multiplier], np.int32))
    shift_name = emitter.constant(f"shift{suffix}", np.array([shift], np.uint8))
    fields = (
        f"{{{multiplier_name}, {shift_name}, 0, {zero_out}, {low}, {high}, {int(step.rounding == 'double')}}}"
    )
    requant = emitter.local("tk_requant_s8", f"requant{suffix}", fields)
    return Call("tk_rescale_s8", [emitter.pointer(x), str(zero_in), requant, output, *map(str, shape)])


def _parameters(x: Value, y: Value) -> tuple[int, int, int, int]:
    ratio = min(scale_of(x) / scale_of(y), SATURATING)
    multiplier, shift = quantize_multiplier(ratio)
    return multiplier, shift, zero_point_of(x), zero_point_of(y)
