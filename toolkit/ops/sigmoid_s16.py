"""The logistic function on int16, whose output has scale 1/32768."""

from __future__ import annotations

from toolkit.ops.table_s16 import TableS16


class SigmoidS16(TableS16):
    """As ``sigmoid``, with a table as in ``toolkit.ops.table_s16``."""

    name = "sigmoid_s16"
    quantization = "fixed"
    fixed_output = (1 / 32768, 0)
    functions = ("sigmoid",)


OPERATOR = SigmoidS16()
