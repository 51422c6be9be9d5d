"""The gradient of a 2-d convolution by its weight, in float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.gradient_cases import CONVOLUTIONS, convolution_case
from toolkit.ops.half import bytes_of_output, halved, suffix, widened
from toolkit.ops.ordered import weight_gradient
from toolkit.ops.stepped import WEIGHT, stepped, stepping
from toolkit.ops.window import Window, convolution_window


class Conv2dWeightGradient(Operator):
    """The gradient by the weight (O, KH, KW, I / groups), from the input and the gradient by the output.

    Attributes as of ``conv2d``, ``groups``, and ``filter``, that shape where it is not the step's output's. Sums are
    taken over the output's pixels, row by row. With two inputs more, the weight and a rate of one value, the output is
    ``weight - rate * gradient``; see ``lower.descend``.
    """

    name = "conv2d_weight_gradient"  # read by conv2d_input_gradient, as torch asks for all gradients at once
    layout = "channels_last"
    half_operands = 2

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, gradient = (widened(data) for data in inputs[:2])
        out = weight_gradient(x, gradient, _window(step), step.attrs["groups"])
        return stepped(out, step, inputs)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window, groups = _window(step), step.attrs["groups"]
        weights = [emitter.pointer(value) for value in step.inputs[2:]] or ["0", "0"]
        pointers = [emitter.pointer(value) for value in step.inputs[:2]]
        args = [
            *pointers,
            *weights,
            emitter.pointer(step.output),
            emitter.local("tk_window", "window", window.initialiser()),
        ]
        if groups == window.in_c:
            family = "tk_depthwise_weight_gradient"
        else:
            family, args = "tk_conv2d_weight_gradient", [*args, str(groups)]
        return Call(f"{family}_{suffix(step)}", [*args, *bytes_of_output(step)], f"{family}_f32")

    def macs(self, step: Step) -> int:
        _, height, width, _ = step.inputs[1].shape
        return height * width * step.output.size

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == WEIGHT else None

    def cases(self) -> Iterable[Case]:
        for convolution in CONVOLUTIONS:
            case = convolution_case(convolution, self.name)
            yield case
            yield stepping(case)
            yield halved(case, 2, output=False)
            yield halved(stepping(case), 2, more=(WEIGHT,))


def _window(step: Step) -> Window:
    x, gradient = step.inputs[:2]
    kernel = step.attrs.get("filter", step.output.shape)[1:3]
    return convolution_window(x.shape, gradient.shape, kernel, step.attrs)


OPERATOR = Conv2dWeightGradient()
