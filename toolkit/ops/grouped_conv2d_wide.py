"""2-d convolution in groups of channels from int8 to int16, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.grouped_conv2d import GroupedConv2d
from toolkit.ops.wide import fold_wide, wide_call, wide_cases


class GroupedConv2dWide(GroupedConv2d):
    """As ``grouped_conv2d`` on int8, with an output in int16."""

    name = "grouped_conv2d_wide"
    half_operands = 0

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        wide = fold_wide(step)
        return wide.finish(self.sums(step, inputs[0]) + wide.start).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return wide_call(step, fold_wide(step), emitter, str(step.attrs["groups"]))

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return wide_cases(super().cases(), self.name)


OPERATOR = GroupedConv2dWide()
