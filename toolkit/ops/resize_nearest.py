"""An image resized by taking the nearest pixel, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.resize import along, nearest, read_resize, resize_cases
from toolkit.ops.strided import itemsize


class ResizeNearest(Operator):
    """``output[y, x] = input[rows[y], columns[x]]``; see ``toolkit.ops.resize.nearest`` for which rows and columns."""

    name = "resize_nearest"
    aten = tuple(
        f"aten.{name}{axes}d.{overload}"
        for name in ("upsample_nearest", "_upsample_nearest_exact")
        for axes in (1, 2)
        for overload in ("vec", "default")
    )
    quantization = "share"
    moves_data = True
    takes_int16 = True
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step:
        x, attrs = read_resize(node, reader)
        return Step(self.name, "", [x], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        rows, columns = along(step, nearest)
        return inputs[0].take(rows, 1).take(columns, 2)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        rows, columns = (np.array(index, np.int16) for index in along(step, nearest))
        tables = [emitter.constant("rows", rows), emitter.constant("columns", columns)]
        sizes = map(str, (len(rows), len(columns), *step.inputs[0].shape[2:]))
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_resize_nearest", [pointers[0], *tables, pointers[1], itemsize(step), *sizes])

    def cases(self) -> Iterable[Case]:
        return resize_cases(self.name, WITH_INT16)


OPERATOR = ResizeNearest()
