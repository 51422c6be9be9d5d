"""Convolution with int4 weights on Helium: weights unpacked in registers once for two pixels."""

from __future__ import annotations

from toolkit.kernels.conv2d_s8_mve import Conv2dS8Mve
from toolkit.lower.ir import Step
from toolkit.ops.weighted import is_int4


class Conv2dS4Mve(Conv2dS8Mve):
    """Weights in tiles of four channels, packed by ``tile_mve``."""

    name = "tk_conv2d_s4_mve"
    kind = "int4"

    def takes(self, step: Step) -> bool:
        return is_int4(step) and step.attrs.get("groups", 1) == 1


KERNEL = Conv2dS4Mve()
