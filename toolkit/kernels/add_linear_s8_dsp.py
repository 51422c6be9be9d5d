"""int8 addition as one linear form, with SMLAD on pairs of values."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall


class AddLinearS8Dsp(SameCall):
    """As ``tk_add_linear_s8``."""

    name = "tk_add_linear_s8_dsp"
    op = "add"
    portable = "tk_add_linear_s8"
    sets = ("armv7em",)


KERNEL = AddLinearS8Dsp()
