"""Channels rearranged into blocks of pixels (pixel shuffle), channels last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input
from toolkit.ops.strided import strided_copy


class DepthToSpace(Operator):
    """Each pixel of ``block**2 * C`` channels becomes ``block x block`` pixels of C.

    ``attrs["channel_first"]``: a pixel's channels are (C, row, column) as in torch's pixel_shuffle (ONNX: CRD), else
    (row, column, C) as in TensorFlow Lite (ONNX: DCR).
    """

    name = "depth_to_space"
    aten = ("aten.pixel_shuffle.default",)
    quantization = "share"
    moves_data = True
    takes_int16 = True
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        if len(x.shape) != 4 or x.shape[0] != 1:
            raise reader.unsupported(f"a tensor of shape {x.shape}: one image is needed")
        attrs = {"block": int(node.args[1]), "channel_first": True}
        return Step(self.name, "", [x], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        block, (_, h, w, depth) = step.attrs["block"], inputs[0].shape
        if step.attrs["channel_first"]:
            parts = inputs[0].reshape(h, w, -1, block, block).transpose(0, 3, 1, 4, 2)
        else:
            parts = inputs[0].reshape(h, w, block, block, -1).transpose(0, 2, 1, 3, 4)
        return np.ascontiguousarray(parts).reshape(1, h * block, w * block, depth // block**2)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        block, (_, h, w, depth) = step.attrs["block"], step.inputs[0].shape
        channels = depth // block**2
        row, column, channel = (
            (block, 1, block**2) if step.attrs["channel_first"] else (block * channels, channels, 1)
        )
        axes = [(h, w * depth), (block, row), (w, depth), (block, column), (channels, channel)]
        return strided_copy(step, 0, axes, emitter)

    def cases(self) -> Iterable[Case]:
        for kind in WITH_INT16:
            for (h, w, channels), block in (((3, 4, 5), 2), ((1, 1, 1), 3), ((2, 5, 3), 3)):
                for channel_first in (True, False):
                    x = activation("x", (1, h, w, channels * block**2), kind)
                    y = activation("y", (1, h * block, w * block, channels), kind)
                    attrs = {"block": block, "channel_first": channel_first}
                    order = "channel-first" if channel_first else "channel-last"
                    name = case_id((h, w, channels), "block", block, order, kind)
                    yield Case(name, Step(self.name, "shuffle", [x], y, attrs), [sample(x, 16)])


OPERATOR = DepthToSpace()
