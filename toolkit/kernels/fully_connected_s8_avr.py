"""int8 fully connected layer for AVR: two products are added in 16 bits, then to a sum of 32."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.same_call import SameCall
from toolkit.lower.ir import Step
from toolkit.ops.weighted import fold

LIMIT = 1 << 15


class InSixteenBits(SameCall):
    """Takes what the portable kernel takes, where signed 16 bits hold all sizes, and two products."""

    sets = ("avr",)

    def takes(self, step: Step) -> bool:
        sizes = [value.size for value in (step.inputs[0], step.inputs[1], step.output)]
        return super().takes(step) and max(sizes) < LIMIT and int(np.min(fold(step).weight)) > -128


class FullyConnectedS8Avr(InSixteenBits):
    """One channel at a time."""

    name = "tk_fully_connected_s8_avr"
    op = "fully_connected"
    portable = "tk_fully_connected_s8"


KERNEL = FullyConnectedS8Avr()
