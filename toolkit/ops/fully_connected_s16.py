"""Fully connected layer of int16 activations with int8 weights."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import FullyConnected
from toolkit.ops.int16 import finish_wide, fold_wide, int16_cases, requant_s16
from toolkit.ops.weighted import exact_matmul


class FullyConnectedS16(FullyConnected):
    """As ``fully_connected``; 64-bit sums, rounded once, as TensorFlow Lite's 16x8 kernel."""

    name = "fully_connected_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        folded = fold_wide(step)
        x = inputs[0].reshape(-1, folded.weight.shape[1])
        acc = exact_matmul(x, folded.weight.T) + folded.bias
        out = finish_wide(acc, folded.multiplier, folded.shift, folded.low, folded.high)
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        folded = fold_wide(step)
        channels, depth = folded.weight.shape
        requant = requant_s16(folded.multiplier, folded.shift, folded.low, folded.high, emitter)
        w, bias = (
            emitter.constant("weight", folded.weight),
            emitter.constant("bias", folded.bias.astype(np.int32)),
        )
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        shape = [str(step.output.size // channels), str(depth), str(channels)]
        return Call("tk_fully_connected_s16", [x, w, bias, requant, y, *shape])

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = FullyConnectedS16()
