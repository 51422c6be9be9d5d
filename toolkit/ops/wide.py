"""What layers share that take int8 and give int16: currents of spiking neurons, whose potentials are int16."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, per_tensor
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST
from toolkit.ops.weighted import input_zero_point, is_int8, is_ternary
from toolkit.ops.window import window_of

ENDING = "_wide"  # of the operators' names
SHIFTS = (24, 17)  # of multipliers, the finest that 31 bits hold: kernels that follow spikes know these


@dataclass(frozen=True)
class Wide:
    """A layer's constants: ``output = clip((((sums + start) * multiplier >> 16) + bias) >> shift - 16)``.

    ``bias`` is in steps of ``2**(16 - shift)`` outputs, with the half that rounds: far finer than products of spikes,
    whose scale is the weights'.
    """

    weight: np.ndarray  # int8, as the step has it
    start: np.ndarray  # int64 (channels,): the input's zero point folded
    multiplier: np.ndarray  # int64 (channels,) or (1,)
    bias: np.ndarray  # int64 (channels,)
    shift: int

    def finish(self, acc: np.ndarray) -> np.ndarray:
        """Return int16 outputs of sums, channels last, ``start`` included."""
        moved = ((acc * self.multiplier >> 16) + self.bias) >> (self.shift - 16)
        return np.clip(moved, LOWEST, LARGEST).astype(np.int16)

    @property
    def matrix(self) -> np.ndarray:
        """The weights as (channels, depth)."""
        return self.weight.reshape(len(self.weight), -1)


def fold_wide(step: Step, channel_axis: int = 0) -> Wide:
    """Return the constants of a step with inputs (activation, weight[, float bias]).

    Args:
        step: one with an output in int16.
        channel_axis: of the weight: output channels.

    Raises:
        ToolkitError: the output's scale is far finer than the sums'.
    """
    x, w, *biases = step.inputs
    assert x.quant is not None
    assert w.quant is not None
    assert w.data is not None
    assert step.output.quant is not None
    scale = float(step.output.quant.scale[0])
    real = np.ravel(x.quant.scale[0] * w.quant.scale / scale)
    shift = next((shift for shift in SHIFTS if real.max() * 2.0**shift < 2**31 - 1), 0)
    if not shift:
        raise ToolkitError(
            "calibration saw next to nothing of this layer's output, so one spike would leave its range",
            at=step.name,
            fix="calibrate with more samples, like the real input; see that the layer before spikes at all",
        )
    channels = w.data.shape[channel_axis]
    bias = np.zeros(channels) if not biases else biases[0].data
    assert bias is not None
    moved = np.clip(np.rint(bias.astype(np.float64) / scale * 2.0 ** (shift - 16)), -(2**29), 2**29)
    sums = np.moveaxis(w.data, channel_axis, 0).reshape(channels, -1).astype(np.int64).sum(1)
    start = -int(x.quant.zero_point[0]) * sums
    multiplier = np.rint(real * 2.0**shift).astype(np.int64)
    return Wide(w.data, start, multiplier, moved.astype(np.int64) + (1 << (shift - 17)), shift)


def wide_fields(wide: Wide, emitter: Emitter) -> str:
    """Define what finishes sums and return the address of its ``tk_requant_wide``."""
    multiplier = emitter.constant("multiplier", wide.multiplier.astype(np.int32))
    bias = emitter.constant("bias", wide.bias.astype(np.int32))
    fields = f"{{{multiplier}, {bias}, {int(wide.multiplier.size > 1)}, {wide.shift - 16}}}"
    return emitter.local("tk_requant_wide", "requant", fields)


def wide_call(step: Step, wide: Wide, emitter: Emitter, *more: str) -> Call:
    """Return the call of a convolution's portable kernel, which takes ``more`` at the end."""
    weight = emitter.constant("weight", np.ascontiguousarray(wide.weight))
    start = emitter.constant("start", wide.start.astype(np.int32))
    window = emitter.local("tk_window", "window", window_of(step).initialiser())
    x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
    zero, fields = input_zero_point(step), wide_fields(wide, emitter)
    return Call(f"tk_{step.op}", [x, zero, weight, start, fields, emitter.scratch(), y, window, *more])


def wide_cases(cases: Iterable[Case], op: str) -> Iterable[Case]:
    """Yield int8 and ternary cases among ``cases`` with int16 outputs, and with inputs of spikes: zeros and ones."""
    for case in cases:
        if "scaled" in case.id:  # to the end of int8: far beyond what int16 has steps for
            continue
        step = case.step
        if (
            step.rounding != "single"
            or step.output.dtype != "int8"
            or not (is_int8(step) or is_ternary(step))
        ):
            continue
        assert step.output.quant is not None
        assert step.inputs[2].data is not None
        quant = per_tensor(float(step.output.quant.scale[0]) / 100, 0, LOWEST, LARGEST)
        attrs = {name: value for name, value in step.attrs.items() if name != "activation"}
        output = replace(step.output, dtype="int16", quant=quant)
        bias = replace(step.inputs[2], dtype="float32", data=step.inputs[2].data.astype(np.float32) / 2000)
        step = replace(step, op=op, inputs=[*step.inputs[:2], bias], output=output, attrs=attrs)
        yield Case(case.id, step, case.inputs)
        x = replace(step.inputs[0], quant=per_tensor(1.0))
        for share in (0.05, 0.5):
            rng = np.random.default_rng([len(case.id), *x.shape])
            spikes = (rng.random(x.shape) < share).astype(np.int8)
            inputs = [x, *step.inputs[1:]]
            finer = float(quant.scale[0]) / scale_of(case.step.inputs[0])  # as fine beside one spike
            y = replace(output, quant=per_tensor(finer, 0, LOWEST, LARGEST))
            spiking = replace(step, inputs=inputs, output=y, attrs={**attrs, "density": share})
            yield Case(f"{case.id}-spikes-{share}", spiking, [spikes])
