"""Axes in another order, int16."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int16 import int16_cases, renamed
from toolkit.ops.permute import Permute


class PermuteS16(Permute):
    """As ``permute``."""

    name = "permute_s16"
    aten = ()

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return renamed(super().emit(step, emitter))

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = PermuteS16()
