"""Blocks of pixels rearranged into channels (pixel unshuffle), channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.depth_to_space import DepthToSpace
from toolkit.ops.strided import strided_copy


class SpaceToDepth(DepthToSpace):
    """Each ``block x block`` pixels of C channels become one of ``block**2 * C``; orders as in ``DepthToSpace``."""

    name = "space_to_depth"
    aten = ("aten.pixel_unshuffle.default",)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        block, (_, h, w, channels) = step.attrs["block"], inputs[0].shape
        parts = inputs[0].reshape(h // block, block, w // block, block, channels)
        order = (0, 2, 4, 1, 3) if step.attrs["channel_first"] else (0, 2, 1, 3, 4)
        return np.ascontiguousarray(parts.transpose(order)).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        block, (_, h, w, channels) = step.attrs["block"], step.inputs[0].shape
        inside = [(channels, 1), (block, w * channels), (block, channels)]
        if not step.attrs["channel_first"]:
            inside = [*inside[1:], inside[0]]
        axes = [(h // block, block * w * channels), (w // block, block * channels), *inside]
        return strided_copy(step, 0, axes, emitter)

    def cases(self) -> Iterable[Case]:
        for kind in WITH_INT16:
            for (h, w, channels), block in (((4, 6, 5), 2), ((3, 3, 1), 3), ((6, 3, 2), 3)):
                for channel_first in (True, False):
                    x = activation("x", (1, h, w, channels), kind)
                    y = activation("y", (1, h // block, w // block, channels * block**2), kind)
                    attrs = {"block": block, "channel_first": channel_first}
                    order = "channel-first" if channel_first else "channel-last"
                    name = case_id((h, w, channels), "block", block, order, kind)
                    yield Case(name, Step(self.name, "unshuffle", [x], y, attrs), [sample(x, 17)])


OPERATOR = SpaceToDepth()
