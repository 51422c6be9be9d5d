"""int8 convolution with NEON or AVX2: four pixels by eight output channels at a time."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.base import Kernel
from toolkit.kernels.channel_blocks import (
    has_weights_in_range,
    pack_bias,
    pack_matrix,
    pad_channels,
    padded_depth,
)
from toolkit.kernels.simd_cases import block_cases
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.weighted import fold, input_zero_point, is_int8, requant_fields
from toolkit.ops.window import overlap_bytes, window_of

PIXELS = 4  # at a time: TK_MATRIX_COLUMNS


class Conv2dS8Simd(Kernel):
    """Windows are gathered four at a time; a pointwise layer reads its input where it lies."""

    name = "tk_conv2d_s8_simd"
    op = "conv2d"
    sets = ("neon", "avx2")

    def takes(self, step: Step) -> bool:
        return is_int8(step) and has_weights_in_range(fold(step).weight)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        folded = pad_channels(fold(step))
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        weight = emitter.constant("weight", pack_matrix(folded.weight.reshape(folded.weight.shape[0], -1)))
        bias = emitter.constant("bias", pack_bias(folded))
        scratch = emitter.scratch("int16_t")
        return Call(self.name, [x, input_zero_point(step), weight, bias, requant, scratch, y, window])

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 2 * PIXELS * padded_depth(window.kernel_h * window.kernel_w * window.in_c)

    def overlap(self, step: Step, index: int) -> int | None:
        return overlap_bytes(window_of(step), 1, 1, unit=PIXELS)

    def cases(self) -> Iterable[Case]:
        return block_cases(self.op)


KERNEL = Conv2dS8Simd()
