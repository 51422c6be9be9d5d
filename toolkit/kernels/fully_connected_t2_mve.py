"""Ternary fully connected layer on Helium: 2-bit weights unpacked in registers, then as int8."""

from __future__ import annotations

from toolkit.kernels.fully_connected_s8_mve import FullyConnectedS8Mve
from toolkit.lower.ir import Step
from toolkit.ops.weighted import is_ternary


class FullyConnectedT2Mve(FullyConnectedS8Mve):
    """Weights in tiles of four channels, packed by ``tile_mve``."""

    name = "tk_fully_connected_t2_mve"

    def takes(self, step: Step) -> bool:
        return is_ternary(step)


KERNEL = FullyConnectedT2Mve()
