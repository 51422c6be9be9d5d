"""The logistic function, whose int8 output has scale 1/256."""

from __future__ import annotations

from toolkit.ops.table import Table


class Sigmoid(Table):
    """``output = 1 / (1 + exp(-input))``, a table as in ``toolkit.ops.table``."""

    name = "sigmoid"
    aten = ("aten.sigmoid.default", "aten.sigmoid_.default")
    quantization = "fixed"
    fixed_output = (1 / 256, -128)
    functions = ("sigmoid",)


OPERATOR = Sigmoid()
