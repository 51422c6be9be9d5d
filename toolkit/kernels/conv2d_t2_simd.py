"""Ternary convolution with NEON, AVX2 or AVX-512: four pixels share each byte of weights."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from quantize.packed import pack_ternary
from toolkit.kernels.base import Kernel
from toolkit.kernels.channel_blocks import pad_channels
from toolkit.kernels.ternary_cases import convolution_cases
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.weighted import fold, input_zero_point, is_ternary, packed_fields
from toolkit.ops.window import overlap_bytes, window_of

PIXELS = 4  # at a time: TK_TERNARY_COLUMNS


class Conv2dT2Simd(Kernel):
    """Windows are gathered four at a time; a pointwise layer reads its input where it lies."""

    name = "tk_conv2d_t2_simd"
    op = "conv2d"
    sets = ("neon", "avx2")

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        packed = packed_fields(pad_channels(fold(step)), partial(pack_ternary, packing="t2"), emitter)
        return Call(self.name, [x, input_zero_point(step), *packed, emitter.scratch(), y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 0 if window.pointwise else PIXELS * window.kernel_h * window.kernel_w * window.in_c

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_bytes(window_of(step), 1, 1, unit=PIXELS)

    def cases(self) -> Iterable[Case]:
        return convolution_cases(self.op)


KERNEL = Conv2dT2Simd()
