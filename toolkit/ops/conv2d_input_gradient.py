"""Gradients of a 2-d convolution as torch asks for them, and the one by its input, in float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.gradient_cases import CONVOLUTIONS, convolution_case
from toolkit.ops.half import bytes_of_output, halved, rounded, suffix
from toolkit.ops.ordered import input_gradient
from toolkit.ops.reading import reals
from toolkit.ops.weighted import float_operands
from toolkit.ops.window import Window, bytes_below, convolution_window, per_axis, with_height

ARGUMENTS = (
    "grad_output", "input", "weight", "bias_sizes", "stride", "padding", "dilation", "transposed", "output_padding",
    "groups", "output_mask",
)  # fmt: skip


class Conv2dInputGradient(Operator):
    """The gradient by the input, from the gradient by the output and the weight (O, KH, KW, I / groups).

    Attributes as of ``conv2d``, and ``groups``. Sums are taken tap by tap, then output channel by output channel.
    """

    name = "conv2d_input_gradient"
    aten: ClassVar[tuple[str, ...]] = ("aten.convolution_backward.default",)
    several_outputs = True
    layout = "channels_last"
    half_operands = 2

    def read_part(self, node: Any, index: int, reader: Reader) -> list[Step]:
        args = {**dict(zip(ARGUMENTS, node.args, strict=False)), **node.kwargs}
        gradient, x, weight = (reals(reader.value(args[name])) for name in ARGUMENTS[:3])
        axes = len(weight.shape) - 2
        if args["transposed"]:
            raise reader.unsupported("of a transposed convolution")
        if axes not in (1, 2) or x.shape[0] != 1:
            raise reader.unsupported(
                "a batch size other than 1, or more than two axes: export with one sample"
            )
        if any(value.dtype != "float32" or value.quant is not None for value in (gradient, x, weight)):
            raise reader.unsupported("values other than float32")
        if index == 2:  # each channel's bias was added to every pixel
            pixels = (0, *range(2, axes + 2))
            kept = Value(f"{node.name}_kept", (1, weight.shape[0], *[1] * axes))
            sums = Step("sum", "", [gradient], kept, {"axes": pixels})
            return [sums, Step("reshape", "", [kept], Value("", ()))]
        attrs: dict[str, Any] = {
            "stride": per_axis(args["stride"], axes, 1),
            "dilation": per_axis(args["dilation"], axes, 1),
            "pads": tuple((pad, pad) for pad in per_axis(args["padding"], axes, 0)),
            "groups": int(args["groups"]),
        }
        if index == 1:
            return [Step("conv2d_weight_gradient", "", [x, gradient], Value("", ()), attrs)]
        return [Step(self.name, "", [gradient, with_height(weight)], Value("", ()), attrs)]

    def to_channels_last(self, step: Step) -> None:
        weight = step.inputs[1]
        if weight.data is not None:
            data = np.ascontiguousarray(weight.data.transpose(0, 2, 3, 1))
            step.inputs[1] = replace(weight, shape=data.shape, data=data)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        gradient, weight, _ = float_operands(step, inputs)
        out = input_gradient(gradient, weight, _window(step), step.attrs["groups"])
        return rounded(out, step).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        window, weight, groups = _window(step), step.inputs[1], step.attrs["groups"]
        w = emitter.pointer(weight) if weight.data is None else emitter.constant("weight", weight.data)
        pointers = [emitter.pointer(step.inputs[0]), w, emitter.pointer(step.output)]
        args = [*pointers, emitter.local("tk_window", "window", window.initialiser())]
        if groups == window.in_c:
            family = "tk_depthwise_input_gradient"
        else:
            family, args = "tk_conv2d_input_gradient", [*args, str(groups)]
        return Call(f"{family}_{suffix(step)}", [*args, *bytes_of_output(step)], f"{family}_f32")

    def macs(self, step: Step) -> int:
        return step.inputs[0].size * int(np.prod(step.inputs[1].shape[1:]))

    def overlap(self, step: Step, index: int) -> int | None:
        if index > 0:
            return None  # weights are read again for every pixel
        w = _window(step)
        row, column = np.divmod(np.arange(w.in_h * w.in_w), w.in_w)
        top = _first_output(row, w.pad_top - (w.kernel_h - 1) * w.dilation_h, w.stride_h, w.out_h)
        left = _first_output(column, w.pad_left - (w.kernel_w - 1) * w.dilation_w, w.stride_w, w.out_w)
        first = (top * w.out_w + left) * w.out_c * ITEMSIZE[step.inputs[0].dtype]
        written = (np.arange(len(first)) + 1) * w.in_c * ITEMSIZE[step.output.dtype]
        return bytes_below(first, written, unit=1)

    def cases(self) -> Iterable[Case]:
        for convolution in CONVOLUTIONS:
            case = convolution_case(convolution, self.name)
            yield case
            yield halved(case, 2)
            yield halved(case, 2, output=False)
        gradient, weight = case.inputs
        constant = replace(case.step.inputs[1], data=weight)
        step = replace(case.step, inputs=[case.step.inputs[0], constant])
        yield Case(f"{case.id}-constant", step, [gradient])


def _first_output(place: np.ndarray, back: int, stride: int, count: int) -> np.ndarray:
    """Return the first output along one axis whose window may reach a place."""
    return np.clip(-(-(place + back) // stride), 0, count - 1)


def _window(step: Step) -> Window:
    gradient, weight = step.inputs
    return convolution_window(step.output.shape, gradient.shape, weight.shape[1:3], step.attrs)


OPERATOR = Conv2dInputGradient()
