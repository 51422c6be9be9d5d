"""int8 convolution on Helium: four output channels by two pixels, 16 products an instruction."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.fine_cases import finer
from toolkit.kernels.tile_mve import LANES, function_name, matrix_fields, rounded_up
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.weighted import fold, input_zero_point, is_int8
from toolkit.ops.window import Window, window_of


class Conv2dS8Mve(Kernel):
    """Windows are runs of bytes: in the input as it lies, or in its rows stood on end (``tk_columns_mve.h``)."""

    name = "tk_conv2d_s8_mve"
    op = "conv2d"
    sets = ("helium",)
    strips = True
    rank = 2
    kind = "int8"  # of the cases

    def takes(self, step: Step) -> bool:
        return is_int8(step) and step.attrs.get("groups", 1) == 1

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold(step)
        columns_first = folded.weight.transpose(0, 2, 1, 3).reshape(folded.weight.shape[0], -1)
        matrix = matrix_fields(step, folded, columns_first, emitter)
        row, size = function_name("row", step), str(self.scratch_bytes(step))
        arguments = [x, input_zero_point(step), matrix, row, emitter.scratch(), size, y, window]
        return Call(self.name, arguments)

    def scratch_bytes(self, step: Step) -> int:
        return columns_bytes(window_of(step))

    def cases(self) -> Iterable[Case]:
        yield conv_case(self.op, self.kind, (6, 5, 20), 6, (3, 2), pads=((1, 1), (0, 1)))
        yield conv_case(self.op, self.kind, (9, 5, 64), 4, (1, 1), stride=(2, 2), rounding="double")
        yield finer(conv_case(self.op, self.kind, (3, 5, 7), 6, (1, 1), rounding="double"), 1e6)
        if self.kind == "int8":
            same = ((1, 1), (1, 1))
            yield conv_case(self.op, self.kind, (5, 7, 16), 8, (3, 3), pads=same, rounding="double")
            yield conv_case(self.op, self.kind, (8, 6, 32), 3, (3, 1), dilation=(2, 1), pads=((2, 2), (0, 0)))
            yield conv_case(self.op, self.kind, (12, 7, 1), 8, (10, 4), stride=(2, 2), pads=((4, 5), (1, 1)))
            yield conv_case(self.op, self.kind, (7, 1, 128), 13, (1, 1), rounding="double")
            yield finer(conv_case(self.op, self.kind, (3, 5, 7), 6, (1, 1)), 500)


def columns_bytes(w: Window) -> int:
    """Return the bytes of the rows under one row of output, stood on end; 0 where windows are runs in the input."""
    depth = w.kernel_h * w.kernel_w * w.in_c
    inside = (w.out_h - 1) * w.stride_h < w.in_h and (w.out_w - 1) * w.stride_w + w.kernel_w <= w.in_w
    if (
        w.kernel_h == 1
        and w.dilation_w == 1
        and not (w.pad_top or w.pad_left)
        and inside
        and depth % LANES == 0
    ):
        return 0
    before_last = (w.out_w - 1) * w.stride_w * w.kernel_h * w.in_c if w.dilation_w == 1 else 0
    return rounded_up(before_last + rounded_up(depth, LANES), LANES)


KERNEL = Conv2dS8Mve()
