"""Ternary convolution with SADD16: the weights are code, two pixels at a time, and zeros cost nothing.

About 2.3 bytes of flash a weight, where packed weights take a quarter of a byte: used only when counting shows it to be
the fastest, and flash allows.
"""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import overlap_of_units
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.straight_line import straight_function, straight_table, straight_words
from toolkit.ops.ternary_cases import sparse_conv_cases
from toolkit.ops.weighted import fold, input_zero_point, is_ternary
from toolkit.ops.window import window_of

_MOST_WEIGHTS = 1 << 16  # more would be hundreds of kilobytes of code
_MOST_CHANNELS = 4096  # that a store reaches


class Conv2dStraightT2Dsp(Kernel):
    """A function for each layer, written by ``toolkit.ops.straight_line``."""

    name = "tk_conv2d_straight_t2_dsp"
    op = "conv2d"
    sets = ("armv7em",)
    rank = -1
    depends_on_values = True
    written_for_weights = True

    def takes(self, step: Step) -> bool:
        weight = step.inputs[1]
        if not is_ternary(step) or weight.size > _MOST_WEIGHTS or weight.shape[0] > _MOST_CHANNELS:
            return False
        window = window_of(step)
        return window.out_h * window.out_w > 1 and straight_words(fold(step)) is not None

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = fold(step)
        words = straight_words(folded)
        assert words is not None
        matrix = folded.weight.reshape(len(folded.bias), -1)
        rows = emitter.function("rows", straight_function(matrix, words[:, 2]))
        table = emitter.constant("finish", straight_table(folded, words))
        bounds = [str(folded.low), str(folded.high)]
        scratch = emitter.scratch("uint32_t")
        return Call(self.name, [x, input_zero_point(step), rows, table, *bounds, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        depth = window.kernel_h * window.kernel_w * window.in_c
        padded = -(-depth // 4) * 4
        return 8 * padded + (0 if window.pointwise and depth == padded else 2 * padded)

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_of_units(window_of(step), 2)

    def cases(self) -> Iterable[Case]:
        return sparse_conv_cases()


KERNEL = Conv2dStraightT2Dsp()
