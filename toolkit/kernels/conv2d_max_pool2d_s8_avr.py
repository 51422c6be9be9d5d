"""int8 convolution and the max pool behind it for AVR: of a window's sums the largest is requantized."""

from __future__ import annotations

from toolkit.kernels.fully_connected_s8_avr import InSixteenBits
from toolkit.lower.ir import Step


class Conv2dMaxPool2dS8Avr(InSixteenBits):
    """Of windows of fewer than 256 pixels along each axis."""

    name = "tk_conv2d_max_pool2d_s8_avr"
    op = "conv2d_max_pool2d"
    portable = "tk_conv2d_max_pool2d_s8"

    def takes(self, step: Step) -> bool:
        return super().takes(step) and max(step.attrs["pool"]) < 256


KERNEL = Conv2dMaxPool2dS8Avr()
