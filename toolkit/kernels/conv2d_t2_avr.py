"""Ternary convolution for AVR: a column for each pixel, then four channels at a time."""

from __future__ import annotations

from toolkit.kernels.fully_connected_s8_avr import InSixteenBits


class Conv2dT2Avr(InSixteenBits):
    """Called as the portable kernel is."""

    name = "tk_conv2d_t2_avr"
    op = "conv2d"
    portable = "tk_conv2d_t2"


KERNEL = Conv2dT2Avr()
