"""The hyperbolic tangent, whose int8 output has scale 1/128."""

from __future__ import annotations

from toolkit.ops.table import Table


class Tanh(Table):
    """``output = tanh(input)``, a table as in ``toolkit.ops.table``."""

    name = "tanh"
    aten = ("aten.tanh.default", "aten.tanh_.default")
    quantization = "fixed"
    fixed_output = (1 / 128, 0)
    functions = ("tanh",)


OPERATOR = Tanh()
