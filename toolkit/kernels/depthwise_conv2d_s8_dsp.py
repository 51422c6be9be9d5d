"""int8 depthwise 3x3 convolution with SMLAD: four channels of a tile gathered to planes."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.depthwise_tiles import (
    strip_overlap_bytes,
    strip_scratch_bytes,
    three_by_three_words,
    tile_size,
)
from toolkit.ops.pair_cases import depthwise_cases
from toolkit.ops.weighted import fold_depthwise, input_zero_point
from toolkit.ops.window import window_of


class DepthwiseConv2dS8Dsp(Kernel):
    """3x3 taps, stride 1 or 2, one output per input channel."""

    name = "tk_depthwise_conv2d_s8_dsp"
    op = "depthwise_conv2d"
    sets = ("armv7em",)
    rank = 2

    def takes(self, step: Step) -> bool:
        if step.inputs[1].dtype != "int8" or step.inputs[1].quant is None:
            return False
        w = window_of(step)
        taps = (w.kernel_h, w.kernel_w, w.dilation_h, w.dilation_w) == (3, 3, 1, 1)
        strided = (w.stride_h, w.stride_w) in ((1, 1), (2, 2))
        if not (taps and strided and w.in_c == w.out_c >= 4 and w.out_w >= 2):
            return False
        return three_by_three_words(fold_depthwise(step)) is not None

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry = window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        folded = fold_depthwise(step)
        words = three_by_three_words(folded)
        assert words is not None
        w = emitter.constant("weight", words)
        half, double = 2 * folded.zero_point + 1, int(folded.rounding == "double")
        tile_h, tile_w = tile_size(geometry)
        fields = f"{{{w}, {half}, {double}, 0, 0, {folded.low}, {folded.high}, {tile_h}, {tile_w}}}"
        layer = emitter.local("tk_depthwise_layer", "layer", fields)
        scratch = emitter.scratch("int16_t")
        return Call(self.name, [x, input_zero_point(step), layer, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        return strip_scratch_bytes(window_of(step))

    def overlap(self, step: Step, index: int) -> int | None:
        return strip_overlap_bytes(window_of(step))

    def cases(self) -> Iterable[Case]:
        return depthwise_cases()


KERNEL = DepthwiseConv2dS8Dsp()
