"""Maximum over a sliding window, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.pool import pair, pool_cases, pool_overlap, pool_patches, pool_window, read_input


class MaxPool2d(Operator):
    """``output[y, x, c] = max over the window of input[.., .., c]``.

    Attributes ``kernel``, ``stride`` and ``pad`` (top, left). Padding never wins, so windows that hang over
    the far edges (``ceil_mode``) need nothing more.
    """

    name = "max_pool2d"
    aten = ("aten.max_pool2d.default", "aten.max_pool2d_with_indices.default")
    quantization = "share"
    moves_data = True
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step:
        args = dict(zip(("input", "kernel", "stride", "padding", "dilation"), node.args, strict=False))
        args.update(node.kwargs)
        if pair(args.get("dilation", 1)) != (1, 1):
            raise reader.unsupported("dilation")
        kernel = pair(args.get("kernel", args.get("kernel_size")))
        attrs = {
            "kernel": kernel,
            "stride": pair(args.get("stride") or kernel),
            "pad": pair(args.get("padding", 0)),
        }
        return Step(self.name, "", [read_input(node, reader)], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        lowest = -128 if inputs[0].dtype == np.int8 else -np.inf
        return pool_patches(inputs[0], pool_window(step), lowest).max(2).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        kernel = "tk_max_pool2d_s8" if step.output.dtype == "int8" else "tk_max_pool2d_f32"
        window = emitter.local("tk_window", "window", pool_window(step).initialiser())
        return Call(kernel, [emitter.pointer(step.inputs[0]), emitter.pointer(step.output), window])

    def overlap(self, step: Step, index: int) -> int | None:
        return pool_overlap(step)

    def cases(self) -> Iterable[Case]:
        return pool_cases(self.name)


OPERATOR = MaxPool2d()
