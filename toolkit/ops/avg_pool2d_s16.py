"""Mean over a sliding window or over the whole image, channels last, int16."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.avg_pool2d import AvgPool2d
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int16 import LARGEST, LOWEST, int16_cases, renamed
from toolkit.ops.pool import pool_patches, pool_window


class AvgPool2dS16(AvgPool2d):
    """As ``avg_pool2d``, rounded half away from zero as TensorFlow Lite does."""

    name = "avg_pool2d_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window, x = pool_window(step), inputs[0].astype(np.int64)
        inside = pool_patches(np.ones(x.shape, np.int64), window, 0).sum(2)
        count = int(step.attrs.get("divisor", 0)) or inside
        total = pool_patches(x, window, 0).sum(2)
        nearest = np.sign(total) * ((np.abs(total) + count // 2) // count)
        return np.clip(nearest, LOWEST, LARGEST).astype(np.int16).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return renamed(super().emit(step, emitter))

    def overlap(self, step: Step, index: int) -> int | None:
        return None

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


OPERATOR = AvgPool2dS16()
