"""int8 convolution for AVR: a column for each pixel, then one channel at a time."""

from __future__ import annotations

import numpy as np

from toolkit.kernels.fully_connected_s8_avr import InSixteenBits
from toolkit.lower.ir import Step


class Conv2dS8Avr(InSixteenBits):
    """Gathers half of what the portable kernel does."""

    name = "tk_conv2d_s8_avr"
    op = "conv2d"
    portable = "tk_conv2d_s8"

    def scratch_bytes(self, step: Step) -> int:
        return min(super().scratch_bytes(step), int(np.prod(step.inputs[1].shape[1:])))


KERNEL = Conv2dS8Avr()
