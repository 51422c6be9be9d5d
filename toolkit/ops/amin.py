"""The smallest value over any axes."""

from __future__ import annotations

import numpy as np

from toolkit.ops.extremum import ExtremumOperator


class Amin(ExtremumOperator):
    """``output`` is the smallest value over ``attrs["axes"]``; of ``min(dim)`` only the values, not the indices."""

    name = "amin"
    aten = ("aten.amin.default", "aten.min.default", "aten.min.dim")
    function = np.minimum


OPERATOR = Amin()
