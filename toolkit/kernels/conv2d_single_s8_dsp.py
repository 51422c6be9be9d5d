"""int8 convolution to a single pixel with SMLAD: a fully connected layer of the input as it lies."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_s8_dsp import matrix, part_groups, two_row_call
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.pair_cases import single_pixel_cases
from toolkit.ops.weighted import fold, is_int8
from toolkit.ops.window import window_of


class Conv2dSingleS8Dsp(Kernel):
    """The window is the whole input; its depth is a multiple of four."""

    name = "tk_conv2d_single_s8_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    rank = 3

    def takes(self, step: Step) -> bool:
        w = window_of(step)
        extent = ((w.kernel_h - 1) * w.dilation_h + 1, (w.kernel_w - 1) * w.dilation_w + 1)
        whole = (w.kernel_h, w.kernel_w) == extent == (w.in_h, w.in_w) and not (w.pad_top or w.pad_left)
        if not (whole and (w.out_h, w.out_w) == (1, 1) and step.inputs[0].size % 4 == 0):
            return False
        return is_int8(step) and part_groups(*matrix(fold(step))) > 0

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return two_row_call(step, fold(step), emitter)

    def overlap(self, step: Step, index: int) -> int | None:
        return None  # every channel reads the whole input

    def cases(self) -> Iterable[Case]:
        return single_pixel_cases()


KERNEL = Conv2dSingleS8Dsp()
