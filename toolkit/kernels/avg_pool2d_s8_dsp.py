"""int8 mean under a window, four channels at a time."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall
from toolkit.lower.ir import Step
from toolkit.ops.pool import pool_window

MOST_PIXELS = 255  # whose sum 16 bits hold


class AvgPool2dS8Dsp(SameCall):
    """As ``tk_avg_pool2d_s8``, of at least four channels and not too large windows."""

    name = "tk_avg_pool2d_s8_dsp"
    op = "avg_pool2d"
    portable = "tk_avg_pool2d_s8"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        if not super().takes(step):
            return False
        window = pool_window(step)
        return window.in_c >= 4 and window.kernel_h * window.kernel_w <= MOST_PIXELS


KERNEL = AvgPool2dS8Dsp()
