"""Fully connected layer on int8 whose weights other steps make."""

from __future__ import annotations

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.fully_connected import OPERATOR as FULLY_CONNECTED
from toolkit.ops.trained import Trained
from toolkit.ops.weighted import matrix_sizes


class FullyConnectedTrained(Trained):
    """As ``fully_connected`` on int8; weights (O, I)."""

    name = "fully_connected_trained"  # made by toolkit.lower.quantized
    constant = FULLY_CONNECTED

    def emit(self, step: Step, emitter: Emitter) -> Call:
        arguments = self.arguments(step, emitter)
        y = emitter.pointer(step.output)
        return Call("tk_fully_connected_trained_s8", [*arguments, y, *matrix_sizes(step)])


OPERATOR = FullyConnectedTrained()
