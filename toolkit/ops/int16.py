"""What the operators on int16 activations share: symmetric, zero point 0, as TensorFlow Lite's 16x8 quantization."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.activation_cases import STEPS_PER_INT8
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.weighted import Folded, fold
from toolkit.ops.window import window_of

LOWEST, LARGEST = -(2**15), 2**15 - 1


def as_int16(value: Value) -> Value:
    """Return an int8 activation's int16 counterpart, for test cases."""
    if value.data is not None or value.quant is None:
        return value
    quant = per_tensor(float(value.quant.scale[0]) / STEPS_PER_INT8, 0, LOWEST, LARGEST)
    return replace(value, dtype="int16", quant=quant)


def int16_cases(cases: Iterable[Case], op: str) -> Iterable[Case]:
    """Yield the int8 cases among ``cases`` with int16 activations."""
    for case in cases:
        quantized = case.step.output.dtype == "int8"
        weight = case.step.inputs[1] if len(case.step.inputs) > 1 else None
        packed = weight is not None and weight.quant is not None and weight.quant.qmax < 127
        if not quantized or packed:
            continue
        changed = {id(value): as_int16(value) for value in (*case.step.inputs, case.step.output)}
        step = replace(
            case.step,
            op=op,
            inputs=[changed[id(value)] for value in case.step.inputs],
            output=changed[id(case.step.output)],
        )
        rng = np.random.default_rng(len(case.id))
        inputs = [rng.integers(LOWEST, LARGEST + 1, data.shape).astype(np.int16) for data in case.inputs]
        for data in inputs:
            data.ravel()[:2] = [LOWEST, LARGEST][: data.size]
        yield Case(case.id.replace("int8", "int16"), step, inputs)


def conv_call(step: Step, folded: Folded, emitter: Emitter) -> Call:
    """Return the call of a convolution's kernel for constants of ``fold_wide``."""
    weight = step.inputs[1].data
    assert weight is not None
    requant = requant_s16(folded.multiplier, folded.shift, folded.low, folded.high, emitter)
    w, bias = emitter.constant("weight", weight), emitter.constant("bias", folded.bias.astype(np.int32))
    x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
    window = emitter.local("tk_window", "window", window_of(step).initialiser())
    return Call(f"tk_{step.op}", [x, w, bias, requant, y, window])


def wide_multipliers(multiplier: np.ndarray, shift: np.ndarray, at: str) -> tuple[np.ndarray, np.ndarray]:
    """Return 15-bit multipliers and shifts for 64-bit sums, from 31-bit ones; as TensorFlow Lite shortens them."""
    check_shifts(shift, at)
    return np.where(multiplier < 0x7FFF0000, (multiplier + (1 << 15)) >> 16, 0x7FFF), shift - 16


def check_shifts(shift: np.ndarray, at: str) -> None:
    """Raise ``ToolkitError`` where an output's scale is so fine that sums would be multiplied by 2**14 or more."""
    if (shift <= 16).any():
        raise ToolkitError("an int16 output is much finer than its inputs", at=at, fix="calibrate again")


def fold_wide(step: Step, channel_axis: int = 0) -> Folded:
    """Return ``fold``'s constants with 15-bit multipliers."""
    folded = fold(step, channel_axis)
    multiplier, shift = wide_multipliers(folded.multiplier, folded.shift, step.name)
    return replace(folded, multiplier=multiplier, shift=shift)


def finish_wide(
    acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, low: int, high: int
) -> np.ndarray:
    """Return int16 outputs of int64 sums; see ``tk_requantize_s16``."""
    return np.clip((acc * multiplier + (np.int64(1) << (shift - 1))) >> shift, low, high).astype(np.int16)


def finish_exact(
    acc: np.ndarray, multiplier: np.ndarray, shift: np.ndarray, low: int, high: int
) -> np.ndarray:
    """Return int16 outputs of int64 sums with 31-bit multipliers; see ``tk_requantize_exact_s16``."""
    rest = shift - 16
    product = (acc >> 16) * multiplier + (((acc & 0xFFFF) * multiplier) >> 16)
    return np.clip((product + (np.int64(1) << (rest - 1))) >> rest, low, high).astype(np.int16)


def requant_s16(
    multiplier: np.ndarray, shift: np.ndarray, low: int, high: int, emitter: Emitter, *, exact: bool = False
) -> str:
    """Define a ``tk_requant_s16`` (``exact``: a ``tk_requant_exact_s16``) and return its address."""
    factors = emitter.constant("multiplier", multiplier.astype(np.int32 if exact else np.int16))
    shifts = emitter.constant("shift", shift.astype(np.uint8))
    fields = (factors, shifts, int(multiplier.size > 1), low, high)
    ctype = "tk_requant_exact_s16" if exact else "tk_requant_s16"
    return emitter.local(ctype, "requant", f"{{{', '.join(map(str, fields))}}}")
