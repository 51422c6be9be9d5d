"""2-d convolution on int8, int4, ternary or float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step, Value
from toolkit.ops import ternary_cases
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.conv_cases import at_run_time, conv_case
from toolkit.ops.conv_transpose2d import OPERATOR as TRANSPOSED
from toolkit.ops.half import bytes_of_output, halved, suffix
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.ordered import convolved
from toolkit.ops.pack import pack_portable
from toolkit.ops.weighted import (
    apply_bounds,
    exact_matmul,
    float_bounds,
    float_operands,
    float_parameters,
    fold,
    input_zero_point,
    requant_fields,
    weight_type,
)
from toolkit.ops.window import Window, overlap_bytes, patches, read_convolution, window_of


class Conv2d(Operator):
    """``output[y, x, o] = sum over the window of input * weight[o] + bias[o]``; device weights are (O, KH, KW, I)."""

    name = "conv2d"
    aten: ClassVar[tuple[str, ...]] = (
        "aten.conv2d.default",
        "aten.conv2d.padding",
        "aten.conv1d.default",
        "aten.conv1d.padding",
        "aten.convolution.default",
    )
    quantization = "weighted"
    layout = "channels_last"
    fuses_activation = True
    half_operands = 2

    def read(self, node: Any, reader: Reader) -> Step:
        if str(node.target) == "aten.convolution.default" and node.args[6]:
            return TRANSPOSED.read(node, reader)
        values, attrs, groups = read_convolution(node, reader)
        out_channels, group_channels = values[1].shape[:2]
        if groups == 1:
            return Step(self.name, "", values, Value("", ()), attrs)
        if group_channels == 1 and out_channels % groups == 0:
            return Step("depthwise_conv2d", "", values, Value("", ()), attrs)
        return Step("grouped_conv2d", "", values, Value("", ()), {**attrs, "groups": groups})

    def to_channels_last(self, step: Step) -> None:
        weight = step.inputs[1]
        if weight.data is None:
            return  # turned at run time, as activations are: (O, I, KH, KW) becomes (O, KH, KW, I)
        data = np.ascontiguousarray(weight.data.transpose(0, 2, 3, 1))
        step.inputs[1] = replace(weight, shape=data.shape, data=data)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window = window_of(step)
        if step.inputs[1].quant is None:
            return float_reference(step, inputs, window, 1)
        columns = patches(inputs[0], window, zero_point_of(step.inputs[0])).reshape(
            window.out_h * window.out_w, -1
        )
        folded = fold(step)
        acc = exact_matmul(columns, folded.weight.reshape(window.out_c, -1).T) + folded.bias
        return folded.finish(acc).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        weight = step.inputs[1]
        if weight.quant is None:
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            return float_call(step, emitter, [x, *float_parameters(step, emitter), *bounds, y, window, "1"])
        assert weight.data is not None
        matrix = weight.data.reshape(weight.shape[0], -1)
        folded = fold(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        kind, packed = pack_portable(matrix, weight.quant)
        w = emitter.constant("weight", packed)
        return Call(
            f"tk_conv2d_{kind}", [x, input_zero_point(step), w, bias, requant, emitter.scratch(), y, window]
        )

    def macs(self, step: Step) -> int:
        return step.output.size * int(np.prod(step.inputs[1].shape[1:]))

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        if step.inputs[1].quant is None or window.pointwise:
            return 0
        columns = 2 if weight_type(step) == "int8" else 1  # gathered at once
        return columns * window.kernel_h * window.kernel_w * window.in_c

    def overlap(self, step: Step, index: int) -> int | None:
        if index > 0:
            return None  # weights are read again for every pixel
        return overlap_bytes(window_of(step), ITEMSIZE[step.inputs[0].dtype], ITEMSIZE[step.output.dtype])

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "int4", "ternary", "float32"):
            yield conv_case("conv2d", kind, (5, 7, 3), 5, (3, 3), pads=((1, 1), (1, 1)))
            yield conv_case("conv2d", kind, (6, 5, 16), 8, (1, 1))
            yield conv_case("conv2d", kind, (3, 3, 5), 7, (1, 1))
            yield conv_case("conv2d", kind, (9, 8, 4), 6, (3, 3), stride=(2, 2), pads=((0, 1), (0, 1)))
            yield conv_case("conv2d", kind, (11, 6, 1), 4, (5, 2), stride=(2, 1), pads=((2, 2), (0, 1)))
            yield conv_case("conv2d", kind, (9, 9, 2), 3, (3, 3), dilation=(2, 3), pads=((2, 2), (3, 3)))
            yield conv_case("conv2d", kind, (1, 1, 9), 1, (1, 1))
            if kind == "float32":
                case = conv_case("conv2d", kind, (6, 5, 7), 9, (3, 2), pads=((1, 0), (0, 1)))
                yield at_run_time(case)
                yield halved(at_run_time(case), 2)
                yield halved(case, 2, output=False)
            if kind != "float32":
                yield conv_case("conv2d", kind, (7, 5, 12), 9, (1, 1), rounding="double")
        yield conv_case("conv2d", "int8", (4, 4, 40), 4, (3, 3), extreme=True)
        yield conv_case("conv2d", "int4", (4, 4, 40), 4, (3, 3), extreme=True)
        yield from ternary_cases.conv_cases()


def float_call(step: Step, emitter: Emitter, arguments: list[str]) -> Call:
    """Return the call of a float convolution's kernel, for float32 or halves."""
    return Call(f"tk_conv2d_{suffix(step)}", [*arguments, *bytes_of_output(step)], "tk_conv2d_f32")


def float_reference(step: Step, inputs: list[np.ndarray], window: Window, groups: int) -> np.ndarray:
    """Return the output of a float convolution whose weight is (O, KH, KW, I / groups)."""
    x, weight, bias = float_operands(step, inputs)
    out = convolved(x, weight.astype(np.float32), bias, window, groups)
    return apply_bounds(out, step).reshape(step.output.shape)


OPERATOR = Conv2d()
