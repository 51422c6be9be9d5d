"""Fully connected layer of int16 activations with int8 weights."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import FullyConnected
from toolkit.ops.int16 import check_shifts, finish_exact, int16_cases, requant_s16
from toolkit.ops.weighted import Folded, exact_matmul, fold


class FullyConnectedS16(FullyConnected):
    """As ``fully_connected``; 64-bit sums, rounded once, halves up (LiteRT: away from zero)."""

    name = "fully_connected_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        folded = _fold(step)
        x = inputs[0].reshape(-1, folded.weight.shape[1])
        acc = exact_matmul(x, folded.weight.T) + folded.bias
        out = finish_exact(acc, folded.multiplier, folded.shift, folded.low, folded.high)
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        folded = _fold(step)
        channels, depth = folded.weight.shape
        requant = requant_s16(folded.multiplier, folded.shift, folded.low, folded.high, emitter, exact=True)
        w, bias = (
            emitter.constant("weight", folded.weight),
            emitter.constant("bias", folded.bias.astype(np.int32)),
        )
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        shape = [str(step.output.size // channels), str(depth), str(channels)]
        return Call("tk_fully_connected_s16", [x, w, bias, requant, y, *shape])

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


def _fold(step: Step) -> Folded:
    folded = fold(step)
    check_shifts(folded.shift, step.name)
    return folded


OPERATOR = FullyConnectedS16()
