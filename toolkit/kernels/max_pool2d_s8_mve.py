"""int8 maximum under a window, 16 channels at a time (Helium)."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall


class MaxPool2dS8Mve(SameCall):
    """As ``tk_max_pool2d_s8``."""

    name = "tk_max_pool2d_s8_mve"
    op = "max_pool2d"
    portable = "tk_max_pool2d_s8"
    sets = ("helium",)
    rank = 2


KERNEL = MaxPool2dS8Mve()
