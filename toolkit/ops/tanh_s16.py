"""The hyperbolic tangent on int16, whose output has scale 1/32768."""

from __future__ import annotations

from toolkit.ops.gate_s16 import GateS16


class TanhS16(GateS16):
    """As ``tanh``; see ``toolkit.ops.gate_s16``."""

    name = "tanh_s16"
    functions = ("tanh",)
    doubled = True


OPERATOR = TanhS16()
