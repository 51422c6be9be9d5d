"""Mean over a sliding window or over the whole image, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.half import rounded, widened
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.pool import (
    pool_cases,
    pool_overlap,
    pool_patches,
    pool_window,
    read_adaptive,
    read_input,
    read_window,
)
from toolkit.ops.window import Window

ARGUMENTS = (
    "input",
    "kernel_size",
    "stride",
    "padding",
    "ceil_mode",
    "count_include_pad",
    "divisor_override",
)


class AvgPool2d(Operator):
    """``output[y, x, c] = mean over the window of input[.., .., c]``.

    Attributes ``kernel``, ``stride``, ``pad`` (top, left) and ``divisor``: 0 (the default) divides by the
    number of values inside the input, any other divides by itself and counts padding as zeros. Integers: input
    and output at one scale, rounded half away from zero as TensorFlow Lite does.
    """

    name = "avg_pool2d"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.avg_pool2d.default",
        "aten.avg_pool1d.default",
        "aten.adaptive_avg_pool2d.default",
        "aten.adaptive_avg_pool1d.default",
        "aten._adaptive_avg_pool2d.default",
    )
    quantization = "share"
    takes_int16 = True
    half_operands = 1
    of_halves = "float16"
    layout = "channels_last"

    def read(self, node: Any, reader: Reader) -> Step | list[Step]:
        x = read_input(node, reader)
        if "adaptive" in str(node.target):
            return Step(self.name, "", [x], Value("", ()), read_adaptive(node.args[1], reader, x))
        args = {**dict(zip(ARGUMENTS, node.args, strict=False)), **node.kwargs}
        attrs = read_window(args, len(x.shape) - 2)
        counts = attrs["pad"] != (0, 0) and args.get("count_include_pad", True)
        if args.get("divisor_override"):
            attrs["divisor"] = int(args["divisor_override"])
        elif counts and args.get("ceil_mode", False):  # padding counts, what hangs over it does not
            pad = _zero_padded(x, attrs["pad"])
            attrs["pad"] = (0, 0)
            return [pad, Step(self.name, "", [pad.output], Value("", ()), attrs)]
        elif counts:
            attrs["divisor"] = attrs["kernel"][0] * attrs["kernel"][1]
        return Step(self.name, "", [x], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window, x = pool_window(step), widened(inputs[0])
        inside = pool_patches(np.ones(x.shape, np.int64), window, 0).sum(2)
        count = divisor_of(step, window) or inside
        if x.dtype == np.float32:
            total = np.zeros(inside.shape, np.float32)
            for tap in np.moveaxis(pool_patches(x, window, 0), 2, 0):
                total = total + tap
            return rounded(total / np.asarray(count, np.float32), step).reshape(step.output.shape)
        total_q = pool_patches(x.astype(np.int64), window, 0).sum(2) + (count - inside) * zero_point_of(
            step.inputs[0]
        )
        nearest = np.sign(total_q) * ((np.abs(total_q) + count // 2) // count)
        limits = np.iinfo(x.dtype)
        return np.clip(nearest, limits.min, limits.max).astype(x.dtype).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window = pool_window(step)
        args = [emitter.pointer(step.inputs[0]), str(divisor_of(step, window))]
        if step.output.dtype == "int8":
            args.append(str(zero_point_of(step.inputs[0])))
        args += [emitter.pointer(step.output), emitter.local("tk_window", "window", window.initialiser())]
        return Call.typed("tk_avg_pool2d", step.output, args)

    def overlap(self, step: Step, index: int) -> int | None:
        return pool_overlap(step)

    def cases(self) -> Iterable[Case]:
        for case in pool_cases(self.name):
            yield case
            if case.step.attrs["pad"] != (0, 0):
                kernel_h, kernel_w = case.step.attrs["kernel"]
                counted = replace(case.step, attrs={**case.step.attrs, "divisor": kernel_h * kernel_w})
                yield Case(f"{case.id}-counted", counted, case.inputs)


def divisor_of(step: Step, window: Window) -> int:
    """Return the divisor attribute, or the window's area where no window hangs over an edge, else 0."""
    divisor = int(step.attrs.get("divisor", 0))
    rows = (window.out_h - 1) * window.stride_h + window.kernel_h - window.pad_top
    columns = (window.out_w - 1) * window.stride_w + window.kernel_w - window.pad_left
    hangs = window.pad_top or window.pad_left or rows > window.in_h or columns > window.in_w
    return divisor if divisor or hangs else window.kernel_h * window.kernel_w


def _zero_padded(x: Value, pad: tuple[int, int]) -> Step:
    """Return the step that pads both sides of the image with zeros."""
    pads = ((0, 0), (0, 0), *((n, n) for n in pad[4 - len(x.shape) :]))
    shape = tuple(size + before + after for size, (before, after) in zip(x.shape, pads, strict=True))
    output = Value(f"{x.name}_padded", shape, x.dtype, x.quant)
    return Step("pad", "", [x], output, {"pads": pads, "value": 0.0})


OPERATOR = AvgPool2d()
