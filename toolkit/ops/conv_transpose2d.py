"""2-d transposed convolution on int8 or float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.int8_value import scale_of
from toolkit.ops.weighted import (
    Folded,
    apply_bounds,
    exact_matmul,
    float_bounds,
    fold,
    input_zero_point,
    requant_fields,
)
from toolkit.ops.window import read_convolution, window_of


class ConvTranspose2d(Operator):
    """Every input pixel adds ``weight`` times itself to a window of the output; device weights are (O, KH, KW, I).

    Of ``attrs["pads"]`` the first of each pair is cut off the output; how much of its end is, its shape says. Groups
    are read as one dense weight with zeros.
    """

    name = "conv_transpose2d"
    aten = ("aten.conv_transpose2d.input", "aten.conv_transpose1d.default")
    quantization = "weighted"
    sums_in_order = False
    weight_channel_axis = 1
    layout = "channels_last"
    fuses_activation = True

    def read(self, node: Any, reader: Reader) -> Step:
        values, attrs, groups = read_convolution(node, reader)
        if any(value.data is None for value in values[1:]):
            raise reader.unsupported("a weight that is not constant")
        values[1] = _output_first(values[1], groups)
        return Step(self.name, "", values, Value("", ()), attrs)

    def to_channels_last(self, step: Step) -> None:
        weight = step.inputs[1]
        assert weight.data is not None
        data = np.ascontiguousarray(weight.data.transpose(0, 2, 3, 1))
        step.inputs[1] = replace(weight, shape=data.shape, data=data)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        weight = step.inputs[1]
        assert weight.data is not None
        if weight.quant is None:
            bias = step.inputs[2].data if len(step.inputs) > 2 else np.float32(0)
            return apply_bounds(_scattered(step, inputs[0][0], weight.data, np.matmul) + bias, step)
        folded = _folded(step)
        zero_point = int(input_zero_point(step))
        acc = _scattered(step, inputs[0][0].astype(np.int64) - zero_point, folded.weight, exact_matmul)
        return folded.finish(acc + folded.bias)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        weight = step.inputs[1]
        assert weight.data is not None
        if weight.quant is None:
            bias_data = step.inputs[2].data if len(step.inputs) > 2 else np.zeros(weight.shape[0])
            w = emitter.constant("weight", weight.data.astype(np.float32))
            bias = emitter.constant("bias", np.asarray(bias_data, np.float32))
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            return Call("tk_conv_transpose2d_f32", [x, w, bias, *bounds, y, window])
        folded = _folded(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        w, bias = (
            emitter.constant("weight", weight.data),
            emitter.constant("bias", folded.bias.astype(np.int32)),
        )
        return Call("tk_conv_transpose2d_s8", [x, input_zero_point(step), w, bias, requant, y, window])

    def macs(self, step: Step) -> int:
        return step.inputs[0].size * int(np.prod(step.inputs[1].shape[:3]))

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "float32"):
            yield conv_case(self.name, kind, (4, 5, 3), 5, (3, 3), stride=(2, 2), pads=((1, 0), (1, 0)))
            yield conv_case(self.name, kind, (3, 4, 6), 4, (2, 2), stride=(2, 2))
            yield conv_case(self.name, kind, (5, 1, 2), 3, (4, 1), stride=(3, 1), pads=((0, 2), (0, 0)))
            yield conv_case(self.name, kind, (5, 4, 2), 3, (3, 2), dilation=(2, 1), pads=((1, 1), (0, 0)))
        yield conv_case(self.name, "int8", (4, 5, 3), 5, (3, 3), stride=(2, 2), rounding="double")
        yield conv_case(self.name, "int8", (4, 4, 40), 4, (3, 3), extreme=True)


def _output_first(weight: Value, groups: int) -> Value:
    """Return torch's weight (I, O / groups, KH, KW) as (O, I, KH, KW), zero between groups."""
    assert weight.data is not None
    blocks = np.split(weight.data.transpose(1, 0, 2, 3), groups, 1)
    channels, inputs = blocks[0].shape[:2]
    data = np.zeros((channels * groups, inputs * groups, *weight.shape[2:]), weight.data.dtype)
    for i, block in enumerate(blocks):
        data[i * channels : (i + 1) * channels, i * inputs : (i + 1) * inputs] = block
    quant = weight.quant
    if quant is not None and quant.axis is not None:
        scale, zero_point = np.tile(quant.scale, groups), np.tile(quant.zero_point, groups)
        quant = replace(quant, axis=0, scale=scale, zero_point=zero_point)
    return replace(weight, shape=data.shape, data=data, quant=quant)


def _folded(step: Step) -> Folded:
    """Return the constants without the input's zero point, which the kernel subtracts: not every tap is read."""
    x = step.inputs[0]
    centred = replace(x, quant=per_tensor(scale_of(x)))
    return fold(replace(step, inputs=[centred, *step.inputs[1:]]))


def _scattered(step: Step, image: np.ndarray, weight: np.ndarray, product: Any) -> np.ndarray:
    """Return the sums (1, OH, OW, O) of an image (H, W, I), before the bias."""
    w = window_of(step)
    height = max((w.in_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1, w.pad_top + w.out_h)
    width = max((w.in_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1, w.pad_left + w.out_w)
    full = np.zeros((height, width, w.out_c), image.dtype)
    pixels = image.reshape(-1, w.in_c)
    for i, j in np.ndindex(w.kernel_h, w.kernel_w):
        part = product(pixels, weight[:, i, j].T).reshape(w.in_h, w.in_w, w.out_c)
        top, left = i * w.dilation_h, j * w.dilation_w
        rows = slice(top, top + (w.in_h - 1) * w.stride_h + 1, w.stride_h)
        full[rows, left : left + (w.in_w - 1) * w.stride_w + 1 : w.stride_w] += part
    return full[None, w.pad_top : w.pad_top + w.out_h, w.pad_left : w.pad_left + w.out_w]


OPERATOR = ConvTranspose2d()
