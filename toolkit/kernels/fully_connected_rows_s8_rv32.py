"""int8 fully connected layer of several rows for RV32IM: rows are pixels of a convolution."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_rv32 import six_pixels_call, six_pixels_scratch, takes_window
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import fully_connected_case, rows_as_pixels
from toolkit.ops.weighted import is_int8


class FullyConnectedRowsS8Rv32(Kernel):
    """As a 1 x 1 convolution."""

    name = "tk_fully_connected_rows_s8_rv32"
    op = "fully_connected"
    sets = ("rv32im",)
    rank = 2

    def takes(self, step: Step) -> bool:
        return is_int8(step) and takes_window(step, rows_as_pixels(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return six_pixels_call(step, rows_as_pixels(step), emitter)

    def scratch_bytes(self, step: Step) -> int:
        return six_pixels_scratch(rows_as_pixels(step))

    def cases(self) -> Iterable[Case]:
        for rounding in ("single", "double"):
            yield fully_connected_case(7, 150, 21, "int8", rounding=rounding)


KERNEL = FullyConnectedRowsS8Rv32()
