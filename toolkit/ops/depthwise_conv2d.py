"""Depthwise 2-d convolution (any channel multiplier) on int8 or float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.conv_cases import at_run_time, conv_case
from toolkit.ops.half import bytes_of_output, halved, suffix
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.ordered import convolved
from toolkit.ops.pair_cases import ROUNDINGS, SAME
from toolkit.ops.weighted import (
    apply_bounds,
    float_bounds,
    float_operands,
    float_parameters,
    fold,
    input_zero_point,
    requant_fields,
)
from toolkit.ops.window import overlap_bytes, patches, window_of


class DepthwiseConv2d(Operator):
    """Each output channel sees one input channel; weights (KH, KW, C * multiplier) on the device.

    Weights known at run time only are (C * multiplier, KH, KW, 1). Ternary weights are stored as int8 here: a depthwise
    layer has few, and they are read one by one.
    """

    name = "depthwise_conv2d"  # read by conv2d, which sees the same aten operators
    quantization = "weighted"
    layout = "channels_last"
    fuses_activation = True
    half_operands = 2

    def to_channels_last(self, step: Step) -> None:
        weight = step.inputs[1]
        if weight.data is None:
            return  # turned at run time, as activations are: (C, 1, KH, KW) becomes (C, KH, KW, 1)
        data = np.ascontiguousarray(weight.data[:, 0].transpose(1, 2, 0))
        quant = weight.quant
        if quant is not None and quant.axis is not None:
            quant = replace(quant, axis=2)
        step.inputs[1] = replace(weight, shape=data.shape, data=data, quant=quant)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window = window_of(step)
        weight = step.inputs[1]
        if weight.quant is None:
            x, kernels, bias = float_operands(step, inputs)
            if weight.data is not None:
                kernels = kernels.transpose(2, 0, 1)[..., None]
            out = convolved(x, kernels.astype(np.float32), bias, window, window.in_c)
            return apply_bounds(out, step).reshape(step.output.shape)
        folded = fold(step, channel_axis=2)
        return folded.finish(self.sums(step, inputs[0]) + folded.bias).reshape(step.output.shape)

    def sums(self, step: Step, x: np.ndarray) -> np.ndarray:
        """Return the sums of products of integers, (height, width, channels)."""
        window, weight = window_of(step), step.inputs[1].data
        assert weight is not None
        columns = np.repeat(
            patches(x, window, zero_point_of(step.inputs[0])), window.out_c // window.in_c, axis=-1
        )
        return (columns.astype(np.int64) * weight).sum((2, 3))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        weight = step.inputs[1]
        if weight.quant is None:
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            strides = ["1", str(weight.shape[2])]  # from a channel to the next, and from a tap
            if weight.data is None:
                strides = [str(weight.shape[1] * weight.shape[2]), "1"]
            parameters = float_parameters(step, emitter)
            arguments = [x, *parameters, *bounds, y, window, *strides, *bytes_of_output(step)]
            return Call(f"tk_depthwise_conv2d_{suffix(step)}", arguments, "tk_depthwise_conv2d_f32")
        assert weight.data is not None
        folded = fold(step, channel_axis=2)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        w = emitter.constant("weight", weight.data)
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        scratch = emitter.scratch()
        return Call(
            "tk_depthwise_conv2d_s8", [x, input_zero_point(step), w, bias, requant, scratch, y, window]
        )

    def macs(self, step: Step) -> int:
        window = window_of(step)
        return step.output.size * window.kernel_h * window.kernel_w

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        if step.inputs[1].quant is None or window.inside:
            return 0
        return window.kernel_h * window.kernel_w * window.in_c

    def overlap(self, step: Step, index: int) -> int | None:
        if index > 0:
            return None  # weights are read again for every pixel
        return overlap_bytes(window_of(step), ITEMSIZE[step.inputs[0].dtype], ITEMSIZE[step.output.dtype])

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "float32"):
            yield conv_case("depthwise_conv2d", kind, (5, 6, 8), 8, (3, 3), pads=((1, 1), (1, 1)))
            yield conv_case(
                "depthwise_conv2d", kind, (7, 9, 3), 6, (3, 3), stride=(2, 2), pads=((0, 1), (1, 0))
            )
            yield conv_case("depthwise_conv2d", kind, (4, 4, 5), 5, (1, 1))
            yield conv_case(
                "depthwise_conv2d", kind, (9, 7, 2), 2, (3, 2), dilation=(2, 2), pads=((1, 2), (0, 0))
            )
        yield conv_case(
            "depthwise_conv2d", "int8", (6, 5, 8), 8, (3, 3), pads=((1, 1), (1, 1)), rounding="double"
        )
        for multiplier in (1, 2):
            case = conv_case(
                "depthwise_conv2d", "float32", (6, 7, 5), 5 * multiplier, (3, 2), pads=((1, 1), (0, 1))
            )
            yield at_run_time(case)
            yield halved(at_run_time(case), 2)
            yield halved(case, 2, output=False)
        for rounding in ROUNDINGS:
            for pads in (SAME, ((0, 1), (0, 1))):
                shape = (9, 14, 8) if pads == SAME else (6, 7, 12)
                yield conv_case(
                    "depthwise_conv2d", "ternary", shape, shape[2], (3, 3), pads=pads, rounding=rounding
                )
            yield conv_case(
                "depthwise_conv2d", "ternary", (7, 8, 5), 10, (5, 4), stride=(2, 2), rounding=rounding
            )
        yield conv_case("depthwise_conv2d", "int8", (6, 6, 4), 4, (5, 5), pads=((2, 2), (2, 2)), extreme=True)


OPERATOR = DepthwiseConv2d()
