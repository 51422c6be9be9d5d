"""The smaller of two operands."""

from __future__ import annotations

import numpy as np

from toolkit.ops.selection import SelectionOperator


class Minimum(SelectionOperator):
    """``output = min(a, b)``, all at one scale."""

    name = "minimum"
    aten = ("aten.minimum.default", "aten.min.other")
    function = np.minimum


OPERATOR = Minimum()
