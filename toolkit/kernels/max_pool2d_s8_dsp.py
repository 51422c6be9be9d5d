"""int8 maximum under a window, four channels at a time."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall
from toolkit.lower.ir import Step


class MaxPool2dS8Dsp(SameCall):
    """As ``tk_max_pool2d_s8``, of at least four channels."""

    name = "tk_max_pool2d_s8_dsp"
    op = "max_pool2d"
    portable = "tk_max_pool2d_s8"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return super().takes(step) and step.output.shape[-1] >= 4


KERNEL = MaxPool2dS8Dsp()
