"""Ternary fully connected layer for AVR: four rows for each byte of weights, in sums of 16 bits."""

from __future__ import annotations

from toolkit.kernels.fully_connected_s8_avr import InSixteenBits


class FullyConnectedT2Avr(InSixteenBits):
    """Called as the portable kernel is."""

    name = "tk_fully_connected_t2_avr"
    op = "fully_connected"
    portable = "tk_fully_connected_t2"


KERNEL = FullyConnectedT2Avr()
