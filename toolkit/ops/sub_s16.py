"""Subtraction of int16 activations."""

from __future__ import annotations

from toolkit.ops.add_s16 import AddS16


class SubS16(AddS16):
    """``output = a - b``, rounded as in ``add_s16``."""

    name = "sub_s16"
    sign = -1


OPERATOR = SubS16()
