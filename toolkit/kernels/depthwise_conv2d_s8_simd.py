"""int8 depthwise convolution with NEON or AVX2: eight channels of four pixels at a time."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.channel_blocks import has_weights_in_range, pack_taps, pad_channels
from toolkit.kernels.simd_cases import block_cases, depthwise_cases
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.weighted import fold_depthwise, input_zero_point, requant_fields
from toolkit.ops.window import Window, overlap_bytes, window_of

MOST_TAPS = 64  # TK_DEPTHWISE_TAPS


class DepthwiseConv2dS8Simd(Kernel):
    """Without padding the input is read where it lies; else a row of outputs sees a padded copy."""

    name = "tk_depthwise_conv2d_s8_simd"
    op = "depthwise_conv2d"
    sets = ("neon", "avx2")

    def takes(self, step: Step) -> bool:
        window = window_of(step)
        return (
            step.inputs[1].quant is not None
            and window.kernel_h * window.kernel_w <= MOST_TAPS
            and has_weights_in_range(fold_depthwise(step).weight)
        )

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = window_of(step)
        folded = pad_channels(fold_depthwise(step))
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        weight = emitter.constant("weight", pack_taps(folded.weight.reshape(window.out_c, -1)))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        local = emitter.local("tk_window", "window", window.initialiser())
        scratch = emitter.scratch()
        return Call(self.name, [x, input_zero_point(step), weight, bias, requant, scratch, y, local])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        if _is_direct(window):
            return 0
        return window.kernel_h * _band_width(window) * -(-window.out_c // 8) * 8

    def overlap(self, step: Step, index: int) -> int | None:
        window = window_of(step)
        # A row is made channel by channel: from the input itself, or from a copy made before its first pixel.
        return overlap_bytes(window, 1, 1, unit=window.out_w if _is_direct(window) else 1)

    def cases(self) -> Iterable[Case]:
        yield from block_cases(self.op)
        yield from depthwise_cases()


def _band_width(w: Window) -> int:
    """Return how many places of an input row a row of outputs sees, padding included."""
    return (w.out_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1


def _is_direct(w: Window) -> bool:
    """True when every window lies inside the input, whose channels come in whole blocks."""
    height = (w.out_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
    inside = w.pad_top == w.pad_left == 0 and _band_width(w) <= w.in_w and height <= w.in_h
    return inside and w.in_c == w.out_c and w.in_c % 8 == 0


KERNEL = DepthwiseConv2dS8Simd()
