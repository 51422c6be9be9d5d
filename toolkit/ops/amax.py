"""The largest value over any axes."""

from __future__ import annotations

import numpy as np

from toolkit.ops.extremum import ExtremumOperator


class Amax(ExtremumOperator):
    """``output`` is the largest value over ``attrs["axes"]``; of ``max(dim)`` only the values, not the indices."""

    name = "amax"
    aten = ("aten.amax.default", "aten.max.default", "aten.max.dim")
    function = np.maximum


OPERATOR = Amax()
