"""The larger of two operands."""

from __future__ import annotations

import numpy as np

from toolkit.ops.selection import SelectionOperator


class Maximum(SelectionOperator):
    """``output = max(a, b)``, all at one scale."""

    name = "maximum"
    aten = ("aten.maximum.default", "aten.max.other")
    function = np.maximum


OPERATOR = Maximum()
