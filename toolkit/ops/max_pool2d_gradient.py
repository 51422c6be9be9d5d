"""The gradient of a maximum over a sliding window, in float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import POOLS, normal, pool_case
from toolkit.ops.half import bytes_of_input, halved, rounded, suffix, widened
from toolkit.ops.pool import one_window_each, pool_patches, pool_shapes, read_window
from toolkit.ops.window import Window, per_axis

ARGUMENTS = ("grad_output", "input", "kernel_size", "stride", "padding", "dilation", "ceil_mode", "indices")


class MaxPool2dGradient(Operator):
    """Each window's gradient goes to the first of its largest values, which is found again in the pool's input.

    Inputs are the gradient by the output, and the input; attributes as of ``max_pool2d``. Where windows overlap,
    gradients are added in the order of the windows, row by row.
    """

    name = "max_pool2d_gradient"
    aten: ClassVar[tuple[str, ...]] = ("aten.max_pool2d_with_indices_backward.default",)
    layout = "channels_last"
    half_operands = 1
    half_also = 1
    of_halves = "picked"

    def read(self, node: Any, reader: Reader) -> Step:
        args = {**dict(zip(ARGUMENTS, node.args, strict=False)), **node.kwargs}
        inputs = [reader.value(args["grad_output"]), reader.value(args["input"])]
        if len(inputs[1].shape) != 4 or inputs[1].shape[0] != 1:
            raise reader.unsupported("a batch size other than 1: export with one sample")
        if per_axis(args["dilation"], 2, 1) != (1, 1):
            raise reader.unsupported("of a dilated pool")
        return Step(self.name, "", inputs, Value("", ()), read_window(args, 2))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        (gradient, x), w = map(widened, inputs), _window(step)
        largest = pool_patches(x, w, -np.inf).argmax(2)
        row = np.arange(w.out_h)[:, None, None] * w.stride_h - w.pad_top + largest // w.kernel_w
        column = np.arange(w.out_w)[:, None] * w.stride_w - w.pad_left + largest % w.kernel_w
        out, channels = np.zeros(x.shape[1:], np.float32), np.arange(w.in_c)
        for y, z in np.ndindex(w.out_h, w.out_w):
            out[row[y, z], column[y, z], channels] += gradient[0, y, z]
        return rounded(out, step).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [emitter.pointer(value) for value in (*step.inputs, step.output)]
        window = emitter.local("tk_window", "window", _window(step).initialiser())
        arguments = [*pointers, window, *bytes_of_input(step)]
        return Call(f"tk_max_pool2d_gradient_{suffix(step)}", arguments, "tk_max_pool2d_gradient_f32")

    def takes_half(self, step: Step) -> bool:
        return one_window_each(step)

    def cases(self) -> Iterable[Case]:
        for pool in POOLS:
            case = pool_case(pool, self.name)
            x = Value("x", case.step.output.shape)
            case.step.inputs.append(x)
            for name, data in (("", normal(x)), ("-ties", np.rint(normal(x)))):
                own = Case(case.id + name, case.step, [*case.inputs, data.astype(np.float32)])
                yield own
                if one_window_each(case.step):
                    yield halved(own, 2 if name else 1)


def _window(step: Step) -> Window:
    return pool_shapes(step.output.shape, step.inputs[0].shape, step.attrs)


OPERATOR = MaxPool2dGradient()
