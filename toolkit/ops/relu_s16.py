"""Bounds on int16 activations, and from one int16 scale to another."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import int16_cases
from toolkit.ops.relu import Relu
from toolkit.ops.requantize import output_bounds, quantize_multiplier, requantize
from toolkit.ops.rescale import same_scale

SATURATING = 2.0**13


class ReluS16(Relu):
    """``output = clamp(input, *attrs["activation"])``, real bounds; rescales where scales differ."""

    name = "relu_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, bounds = inputs[0].astype(np.int64), output_bounds(step.output, step.attrs["activation"])
        if not same_scale(step.inputs[0], step.output):
            x = requantize(x, *_ratio(step), step.rounding)
        return np.clip(x, *bounds).astype(np.int16)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y, size = emitter.pointer(step.inputs[0]), emitter.pointer(step.output), str(step.output.size)
        if same_scale(step.inputs[0], step.output):
            bounds = output_bounds(step.output, step.attrs["activation"])
            return Call("tk_relu_s16", [x, *map(str, bounds), y, size])
        return Call("tk_rescale_s16", [x, scale_s16(step, _ratio(step), emitter), y, size])

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


def _ratio(step: Step) -> tuple[int, int]:
    return quantize_multiplier(min(scale_of(step.inputs[0]) / scale_of(step.output), SATURATING))


def scale_s16(step: Step, multiplier: tuple[int, int], emitter: Emitter) -> str:
    """Define the ``tk_scale_s16`` of a step and return its address."""
    bounds = output_bounds(step.output, step.attrs.get("activation"))
    fields = (*multiplier, *bounds, int(step.rounding == "double"))
    return emitter.local("tk_scale_s16", "scale", f"{{{', '.join(map(str, fields))}}}")


OPERATOR = ReluS16()
