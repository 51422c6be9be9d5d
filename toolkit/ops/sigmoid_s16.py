"""The logistic function on int16, whose output has scale 1/32768."""

from __future__ import annotations

from toolkit.ops.gate_s16 import GateS16


class SigmoidS16(GateS16):
    """As ``sigmoid``; see ``toolkit.ops.gate_s16``."""

    name = "sigmoid_s16"
    functions = ("sigmoid",)


OPERATOR = SigmoidS16()
