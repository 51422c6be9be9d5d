"""int8 addition as one linear form, four values at a time (Helium)."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall


class AddLinearS8Mve(SameCall):
    """As ``tk_add_linear_s8``."""

    name = "tk_add_linear_s8_mve"
    op = "add"
    portable = "tk_add_linear_s8"
    sets = ("helium",)
    rank = 2


KERNEL = AddLinearS8Mve()
