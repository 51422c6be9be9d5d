"""Any function of one int8 by its table, 16 values at a time (Helium)."""

from __future__ import annotations

from toolkit.kernels.same_call import SameCall


class TableS8Mve(SameCall):
    """As ``tk_table_s8``."""

    name = "tk_table_s8_mve"
    op = "table"
    portable = "tk_table_s8"
    sets = ("helium",)
    rank = 2


KERNEL = TableS8Mve()
