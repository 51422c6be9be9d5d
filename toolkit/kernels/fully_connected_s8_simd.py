"""int8 fully connected layer with NEON or AVX2: eight output channels at a time."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.kernels.channel_blocks import (
    has_weights_in_range,
    pack_bias,
    pack_matrix,
    pad_channels,
    padded_depth,
)
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.weighted import fold, is_int8, matrix_sizes, requant_fields


class FullyConnectedS8Simd(Kernel):
    """Up to four rows at a time share a block's weights."""

    name = "tk_fully_connected_s8_simd"
    op = "fully_connected"
    sets = ("neon", "avx2")

    def takes(self, step: Step) -> bool:
        return is_int8(step) and has_weights_in_range(fold(step).weight)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = pad_channels(fold(step))
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        weight = emitter.constant("weight", pack_matrix(folded.weight.reshape(channels, depth)))
        bias = emitter.constant("bias", pack_bias(folded))
        return Call(self.name, [x, weight, bias, requant, emitter.scratch("int16_t"), y, *matrix_sizes(step)])

    def scratch_bytes(self, step: Step) -> int:
        channels, depth = step.inputs[1].shape
        return 2 * min(4, step.output.size // channels) * padded_depth(depth)


KERNEL = FullyConnectedS8Simd()
