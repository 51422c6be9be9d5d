"""int8 3 x 3 depthwise convolution for RV32IM: nine weights in registers, every value loaded three times."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.pack_rv32 import finish, fits
from toolkit.ops.weighted import fold_depthwise, input_zero_point
from toolkit.ops.window import window_of

_BLOCK_BYTES = 3072  # of padded input rows; more, where the input itself is small
_INPUT_AND_BLOCK_BYTES = 9216


class DepthwiseConv2dS8Rv32(Kernel):
    """A channel at a time over a few rows; weights as nine taps per channel."""

    name = "tk_depthwise_conv2d_s8_rv32"
    op = "depthwise_conv2d"
    sets = ("rv32im",)

    def takes(self, step: Step) -> bool:
        if step.inputs[1].quant is None:
            return False
        w = window_of(step)
        plain = (w.kernel_h, w.kernel_w, w.dilation_h, w.dilation_w) == (3, 3, 1, 1) and w.in_c == w.out_c
        return plain and w.stride_h == w.stride_w in (1, 2) and fits(fold_depthwise(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold_depthwise(step)
        w = emitter.constant("weight", np.ascontiguousarray(folded.weight).reshape(-1))
        fields = finish(folded, emitter)
        rounding = "twice" if step.rounding == "double" else "once"
        inner = f"tk_nine_taps_{window_of(step).stride_w}_{rounding}_rv32"
        rows, block_rows, _ = _block(step)
        shape = [str(rows), str(block_rows)]
        return Call(
            self.name, [x, input_zero_point(step), w, fields, inner, *shape, emitter.scratch(), y, window]
        )

    def scratch_bytes(self, step: Step) -> int:
        _, block_rows, pitch = _block(step)
        return block_rows * pitch


def _block(step: Step) -> tuple[int, int, int]:
    """Return output rows made at a time, the input rows they need, and one such row's bytes, padded."""
    w = window_of(step)
    pitch = ((w.out_w - 1) * w.stride_w + 3) * w.in_c
    most = max(_BLOCK_BYTES, _INPUT_AND_BLOCK_BYTES - step.inputs[0].nbytes)
    rows = min(max((most // pitch - 3) // w.stride_h + 1, 1), w.out_h)
    return rows, (rows - 1) * w.stride_h + 3, pitch

    def cases(self) -> Iterable[Case]:
        pads = ((1, 1), (1, 1))
        yield conv_case("depthwise_conv2d", "int8", (9, 7, 200), 200, (3, 3), pads=pads)  # in several blocks
        yield conv_case(
            "depthwise_conv2d", "int8", (5, 9, 6), 6, (3, 3), (2, 2), pads=pads, rounding="double"
        )
        yield conv_case("depthwise_conv2d", "int8", (4, 3, 3), 3, (3, 3))  # a column
        yield conv_case("depthwise_conv2d", "int8", (5, 4, 3), 3, (3, 3), (2, 2))


KERNEL = DepthwiseConv2dS8Rv32()
