"""Tensors joined along one axis, int16."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.concat import Concat
from toolkit.ops.int16 import int16_cases, renamed


class ConcatS16(Concat):
    """As ``concat``."""

    name = "concat_s16"
    aten = ()

    def emit(self, step: Step, emitter: Emitter) -> list[Call]:
        return [renamed(call) for call in super().emit(step, emitter)]

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = ConcatS16()
