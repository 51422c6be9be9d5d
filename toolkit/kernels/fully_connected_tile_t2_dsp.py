"""Ternary fully connected layer of three rows or more with SMLAD: rows are pixels of a convolution."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import PIXELS
from toolkit.kernels.conv2d_tile_t2_dsp import takes_weights, tile_call, tile_scratch
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.fully_connected import fully_connected_case, rows_as_pixels


class FullyConnectedTileT2Dsp(Kernel):
    """As a 1 x 1 convolution; with a multiple of 8 columns its constants are those of the kernel for one row."""

    name = "tk_fully_connected_tile_t2_dsp"
    op = "fully_connected"
    sets = ("armv7em",)
    rank = 3

    def takes(self, step: Step) -> bool:
        return step.output.size >= PIXELS * step.inputs[1].shape[0] and takes_weights(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return tile_call(step, rows_as_pixels(step), emitter)

    def scratch_bytes(self, step: Step) -> int:
        return tile_scratch(step, rows_as_pixels(step))

    def cases(self) -> Iterable[Case]:
        for rounding in ("single", "double"):
            yield fully_connected_case(7, 150, 21, "ternary", rounding=rounding)
        yield fully_connected_case(4, 2100, 6, "ternary", extreme=True)


KERNEL = FullyConnectedTileT2Dsp()
