"""The gradient of a mean over a sliding window, in float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.avg_pool2d import ARGUMENTS, divisor_of
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import POOLS, pool_case
from toolkit.ops.half import halved, rounded, suffix, widened
from toolkit.ops.pool import one_window_each, pool_patches, pool_shapes, read_adaptive, read_window
from toolkit.ops.window import Window


class AvgPool2dGradient(Operator):
    """Each window's gradient, divided by its count, goes to all values under it; attributes as of ``avg_pool2d``.

    Where windows overlap, gradients are added in the order of the windows, row by row.
    """

    name = "avg_pool2d_gradient"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.avg_pool2d_backward.default",
        "aten._adaptive_avg_pool2d_backward.default",
    )
    layout = "channels_last"
    half_operands = 1
    of_halves = "float16"

    def read(self, node: Any, reader: Reader) -> Step:
        args = {**dict(zip(("grad_output", *ARGUMENTS), node.args, strict=False)), **node.kwargs}
        gradient, x = reader.value(args["grad_output"]), reader.value(args.get("input", args.get("self")))
        if len(x.shape) != 4 or x.shape[0] != 1:
            raise reader.unsupported("a batch size other than 1: export with one sample")
        if "adaptive" in str(node.target):
            attrs = read_adaptive(gradient.shape[2:], reader, x)
        else:
            attrs = read_window(args, 2)
            counts = attrs["pad"] != (0, 0) and args.get("count_include_pad", True)
            if counts and args.get("ceil_mode", False):
                raise reader.unsupported("ceil_mode with padding that counts")
            if args.get("divisor_override"):
                attrs["divisor"] = int(args["divisor_override"])
            elif counts:
                attrs["divisor"] = attrs["kernel"][0] * attrs["kernel"][1]
        return Step(self.name, "", [gradient], Value("", ()), attrs)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        w, gradient = _window(step), widened(inputs[0])
        inside = pool_patches(np.ones(step.output.shape, np.int64), w, 0).sum(2)
        count = divisor_of(step, w) or inside
        shares = gradient[0] / np.asarray(count, np.float32)
        out = np.zeros((w.in_h, w.in_w, w.in_c), np.float32)
        for y, x in np.ndindex(w.out_h, w.out_w):
            top, left = y * w.stride_h - w.pad_top, x * w.stride_w - w.pad_left
            out[max(top, 0) : top + w.kernel_h, max(left, 0) : left + w.kernel_w] += shares[y, x]
        return rounded(out, step).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        w = _window(step)
        gradient, output = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", w.initialiser())
        arguments = [gradient, str(divisor_of(step, w)), output, window]
        return Call(f"tk_avg_pool2d_gradient_{suffix(step)}", arguments, "tk_avg_pool2d_gradient_f32")

    def takes_half(self, step: Step) -> bool:
        return one_window_each(step)

    def cases(self) -> Iterable[Case]:
        for pool in POOLS:
            case = pool_case(pool, self.name)
            yield case
            if one_window_each(case.step):
                yield halved(case, 1)
            if pool.pad != (0, 0):
                attrs = {**case.step.attrs, "divisor": pool.kernel[0] * pool.kernel[1]}
                yield Case(f"{case.id}-counted", replace(case.step, attrs=attrs), case.inputs)


def _window(step: Step) -> Window:
    return pool_shapes(step.output.shape, step.inputs[0].shape, step.attrs)


OPERATOR = AvgPool2dGradient()
