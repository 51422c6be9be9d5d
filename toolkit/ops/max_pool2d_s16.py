"""Maximum over a sliding window, channels last, int16."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int16 import LOWEST, int16_cases, renamed
from toolkit.ops.max_pool2d import MaxPool2d
from toolkit.ops.pool import pool_patches, pool_window


class MaxPool2dS16(MaxPool2d):
    """As ``max_pool2d``."""

    name = "max_pool2d_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        return pool_patches(inputs[0], pool_window(step), LOWEST).max(2).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return renamed(super().emit(step, emitter))

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = MaxPool2dS16()
