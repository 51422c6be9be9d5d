"""What the largest and the smallest value over axes share."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import SUFFIXES, Call, Emitter
from toolkit.ops.reduction import ReductionOperator, reduction_struct


class ExtremumOperator(ReductionOperator):
    """Picks one of the values over ``attrs["axes"]``: integers compare as the reals they stand for."""

    quantization = "share"
    moves_data = True
    function: ClassVar[np.ufunc]

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return type(self).function.reduce(inputs[0], axis=step.attrs["axes"], keepdims=True)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        kernel = f"tk_{self.name}_{SUFFIXES[step.output.dtype]}"
        return Call(kernel, [*pointers, reduction_struct(step, emitter)], "tk_extremum")
