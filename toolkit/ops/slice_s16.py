"""A part of a tensor along any axes, int16."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int16 import int16_cases, renamed
from toolkit.ops.slice import Slice


class SliceS16(Slice):
    """As ``slice``."""

    name = "slice_s16"
    aten = ()

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return renamed(super().emit(step, emitter))

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = SliceS16()
