"""The sum over any axes."""

from __future__ import annotations

from typing import ClassVar

from toolkit.lower.ir import Step
from toolkit.ops.mean import Mean


class Sum(Mean):
    """``output = sum(input)`` over ``attrs["axes"]``; a mean that divides by one."""

    name = "sum"
    aten: ClassVar[tuple[str, ...]] = ("aten.sum.dim_IntList", "aten.sum.default")

    def divisor(self, step: Step) -> int:
        return 1

    def case_scale(self, count: int) -> tuple[float, int]:
        return 0.05 * count**0.5, 11


OPERATOR = Sum()
