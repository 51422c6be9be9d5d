"""Ternary convolution on Helium: 2-bit weights unpacked in registers once for two pixels."""

from __future__ import annotations

from toolkit.kernels.conv2d_s8_mve import Conv2dS8Mve
from toolkit.lower.ir import Step
from toolkit.ops.weighted import is_ternary


class Conv2dT2Mve(Conv2dS8Mve):
    """Weights in tiles of four channels, packed by ``tile_mve``."""

    name = "tk_conv2d_t2_mve"
    kind = "ternary"

    def takes(self, step: Step) -> bool:
        return is_ternary(step) and step.attrs.get("groups", 1) == 1


KERNEL = Conv2dT2Mve()
