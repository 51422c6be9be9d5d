"""2-d convolution on int8, ternary or float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.pack import fits_two_rows, pack_ternary, pack_ternary_two_rows, pack_two_rows
from toolkit.ops.weighted import apply_bounds, exact_matmul, float_bounds, fold, is_ternary, requant_fields
from toolkit.ops.window import overlap_bytes, patches, read_convolution, window_of


class Conv2d(Operator):
    """``output[y, x, o] = sum over the window of input * weight[o] + bias[o]``; device weights are (O, KH, KW, I)."""

    name = "conv2d"
    aten = ("aten.conv2d.default", "aten.conv2d.padding", "aten.convolution.default")
    quantization = "weighted"
    layout = "channels_last"
    fuses_activation = True

    def read(self, node: Any, reader: Reader) -> Step:
        values, attrs, groups = read_convolution(node, reader)
        out_channels, group_channels = values[1].shape[:2]
        if groups == 1:
            return Step(self.name, "", values, Value("", ()), attrs)
        if group_channels == 1 and out_channels % groups == 0:
            return Step("depthwise_conv2d", "", values, Value("", ()), attrs)
        raise reader.unsupported(f"groups={groups} with {group_channels} channels each")

    def to_channels_last(self, step: Step) -> None:
        weight = step.inputs[1]
        assert weight.data is not None
        data = np.ascontiguousarray(weight.data.transpose(0, 2, 3, 1))
        step.inputs[1] = replace(weight, shape=data.shape, data=data)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window = window_of(step)
        weight = step.inputs[1]
        assert weight.data is not None
        x_quant = step.inputs[0].quant
        fill = int(x_quant.zero_point[0]) if x_quant is not None else 0
        columns = patches(inputs[0], window, fill).reshape(window.out_h * window.out_w, -1)
        if weight.quant is None:
            out = columns.astype(np.float32) @ weight.data.reshape(window.out_c, -1).T
            if len(step.inputs) > 2:
                assert step.inputs[2].data is not None
                out = out + step.inputs[2].data
            return apply_bounds(out, step).reshape(step.output.shape)
        folded = fold(step)
        acc = exact_matmul(columns, folded.weight.reshape(window.out_c, -1).T) + folded.bias
        return folded.finish(acc).reshape(step.output.shape)

    def kernel(self, step: Step, kernels: str) -> str:
        """Return the kernel's name for this step on this kernel set."""
        if step.inputs[1].quant is None:
            return "tk_conv2d_f32"
        if is_ternary(step):
            return "tk_conv2d_t2_dsp" if kernels == "armv7em" else "tk_conv2d_t2"
        two_rows = kernels == "armv7em" and fits_two_rows(fold(step))
        return "tk_conv2d_s8_dsp" if two_rows else "tk_conv2d_s8"

    def emit(self, step: Step, emitter: Emitter) -> Call:
        kernel = self.kernel(step, emitter.kernels)
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        weight = step.inputs[1]
        assert weight.data is not None
        matrix = weight.data.reshape(weight.shape[0], -1)
        if weight.quant is None:
            bias_data = step.inputs[2].data if len(step.inputs) > 2 else np.zeros(weight.shape[0])
            w = emitter.constant("weight", matrix.astype(np.float32))
            bias = emitter.constant("bias", np.asarray(bias_data, np.float32))
            low, high = (emitter.float_literal(bound) for bound in float_bounds(step))
            return Call(kernel, [x, w, bias, low, high, y, window])
        folded = fold(step)
        assert step.inputs[0].quant is not None
        zero = str(int(step.inputs[0].quant.zero_point[0]))
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        if kernel.endswith("_s8_dsp"):
            w, bias = (emitter.constant(n, d) for n, d in pack_two_rows(matrix, folded.bias).items())
            return Call(kernel, [x, zero, w, bias, requant, emitter.scratch("uint32_t"), y, window])
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        if kernel.endswith("_t2_dsp"):
            w = emitter.constant("weight", pack_ternary_two_rows(matrix))
            return Call(kernel, [x, zero, w, bias, requant, emitter.scratch("uint32_t"), y, window])
        w = emitter.constant("weight", pack_ternary(matrix) if kernel.endswith("_t2") else matrix)
        return Call(kernel, [x, zero, w, bias, requant, emitter.scratch(), y, window])

    def macs(self, step: Step) -> int:
        return step.output.size * int(np.prod(step.inputs[1].shape[1:]))

    def scratch_bytes(self, step: Step, kernels: str) -> int:
        kernel = self.kernel(step, kernels)
        window = window_of(step)
        depth = window.kernel_h * window.kernel_w * window.in_c
        if kernel.endswith("_dsp"):  # two pixels widened to 16 bits, and their bytes when channels come odd
            unit = 8 if kernel.endswith("t2_dsp") else 4
            padded = -(-depth // unit) * unit
            return 4 * padded + (padded if window.in_c % 4 else 0)
        if kernel == "tk_conv2d_f32" or window.pointwise:
            return 0
        return depth

    def overlap(self, step: Step, index: int, kernels: str) -> int | None:
        size = 4 if step.inputs[1].quant is None else 1
        return overlap_bytes(window_of(step), size, size)

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "ternary", "float32"):
            yield conv_case("conv2d", kind, (5, 7, 3), 5, (3, 3), pads=((1, 1), (1, 1)))
            yield conv_case("conv2d", kind, (6, 5, 16), 8, (1, 1))
            yield conv_case("conv2d", kind, (3, 3, 5), 7, (1, 1))
            yield conv_case("conv2d", kind, (9, 8, 4), 6, (3, 3), stride=(2, 2), pads=((0, 1), (0, 1)))
            yield conv_case("conv2d", kind, (11, 6, 1), 4, (5, 2), stride=(2, 1), pads=((2, 2), (0, 1)))
            yield conv_case("conv2d", kind, (9, 9, 2), 3, (3, 3), dilation=(2, 3), pads=((2, 2), (3, 3)))
            yield conv_case("conv2d", kind, (1, 1, 9), 1, (1, 1))
        yield conv_case("conv2d", "int8", (4, 4, 40), 4, (3, 3), extreme=True)
        yield conv_case("conv2d", "ternary", (4, 4, 40), 4, (3, 3), extreme=True)


OPERATOR = Conv2d()
