"""int8 mean under a window, four channels at a time (Helium)."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall


class AvgPool2dS8Mve(SameCall):
    """As ``tk_avg_pool2d_s8``."""

    name = "tk_avg_pool2d_s8_mve"
    op = "avg_pool2d"
    portable = "tk_avg_pool2d_s8"
    sets = ("helium",)
    rank = 2


KERNEL = AvgPool2dS8Mve()
