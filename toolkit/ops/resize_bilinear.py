"""An image resized by weighing the four pixels around each place, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.fixed_point import shift_away
from toolkit.ops.resize import (
    FRACTION_BITS,
    Positions,
    along,
    linear,
    linear_integer,
    read_resize,
    resize_cases,
)


class ResizeBilinear(Operator):
    """``output[y, x]`` between the pixels around its place; see ``toolkit.ops.resize``.

    int8: positions and weights with 10 fraction bits, halves rounded away from zero, as TensorFlow Lite's reference.
    """

    name = "resize_bilinear"
    aten = tuple(
        f"aten.{name}.{overload}"
        for name in ("upsample_linear1d", "upsample_bilinear2d")
        for overload in ("vec", "default")
    )
    quantization = "share"
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step:
        x, attrs = read_resize(node, reader)
        return Step(self.name, "", [x], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x = inputs[0]
        if x.dtype != np.int8:
            rows, columns = along(step, linear)
            return _blend(_blend(x, columns, 2, np.float32(1)), rows, 1, np.float32(1)).astype(np.float32)
        rows, columns = along(step, linear_integer)
        one = np.int64(1 << FRACTION_BITS)
        total = _blend(_blend(x.astype(np.int64), columns, 2, one), rows, 1, one)
        return shift_away(total, 2 * FRACTION_BITS).astype(np.int8)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        integer = step.output.dtype == "int8"
        names = []
        for axis, positions in zip(
            ("row", "column"), along(step, linear_integer if integer else linear), strict=True
        ):
            weight = np.array(positions.weight, np.int16 if integer else np.float32)
            arrays = {"low": np.array(positions.low, np.int16), "high": np.array(positions.high, np.int16)}
            tables = [
                emitter.constant(f"{axis}_{name}", data) for name, data in (*arrays.items(), ("part", weight))
            ]
            names.append(
                emitter.local(
                    f"tk_positions_{'s8' if integer else 'f32'}", f"{axis}s", f"{{{', '.join(tables)}}}"
                )
            )
        sizes = map(str, (*step.output.shape[1:3], *step.inputs[0].shape[2:]))
        pointers = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call.typed("tk_resize_bilinear", step.output, [pointers[0], *names, pointers[1], *sizes])

    def cases(self) -> Iterable[Case]:
        return resize_cases(self.name)


def _blend(x: np.ndarray, positions: Positions, axis: int, one: Any) -> np.ndarray:
    """Return ``low * (one - weight) + high * weight`` along an axis."""
    shape = [-1 if i == axis else 1 for i in range(x.ndim)]
    weight = np.array(positions.weight).astype(x.dtype).reshape(shape)
    return x.take(positions.low, axis) * (one - weight) + x.take(positions.high, axis) * weight


OPERATOR = ResizeBilinear()
