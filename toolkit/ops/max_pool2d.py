"""Maximum over a sliding window, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.dilated_pool import dilated_maximum
from toolkit.ops.pool import (
    pool_cases,
    pool_overlap,
    pool_patches,
    pool_window,
    read_adaptive,
    read_input,
    read_window,
)
from toolkit.ops.reading import node_shape
from toolkit.ops.window import per_axis

ARGUMENTS = ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode")


class MaxPool2d(Operator):
    """``output[y, x, c] = max over the window of input[.., .., c]``.

    Attributes ``kernel``, ``stride`` and ``pad`` (top, left). Padding never wins, so windows that hang over
    the far edges (``ceil_mode``) need nothing more.
    """

    name = "max_pool2d"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.max_pool2d.default",
        "aten.max_pool2d_with_indices.default",
        "aten.max_pool1d.default",
        "aten.max_pool1d_with_indices.default",
        "aten.adaptive_max_pool2d.default",
        "aten.adaptive_max_pool1d.default",
    )
    quantization = "share"
    moves_data = True
    half_operands = 1
    of_halves = "picked"
    takes_int16 = True
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x = read_input(node, reader)
        if "adaptive" in str(node.target):
            return Step(self.name, "", [x], Value("", ()), read_adaptive(node.args[1], reader, x))
        args = {**dict(zip(ARGUMENTS, node.args, strict=False)), **node.kwargs}
        axes = len(x.shape) - 2
        window, dilation = read_window(args, axes), per_axis(args.get("dilation", 1), axes, 1)
        if dilation != (1, 1):
            return dilated_maximum(x, node_shape(node), window, dilation)
        return Step(self.name, "", [x], Value("", ()), window)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x = inputs[0]
        lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
        return pool_patches(x, pool_window(step), lowest).max(2).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window = emitter.local("tk_window", "window", pool_window(step).initialiser())
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call.typed("tk_max_pool2d", step.output, [*pointers, window])

    def overlap(self, step: Step, index: int) -> int | None:
        return pool_overlap(step)

    def cases(self) -> Iterable[Case]:
        return pool_cases(self.name)


OPERATOR = MaxPool2d()
