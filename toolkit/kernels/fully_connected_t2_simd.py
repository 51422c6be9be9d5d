"""Ternary fully connected layer with NEON, AVX2 or AVX-512: two bits a weight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from quantize.packed import pack_ternary
from toolkit.kernels.base import Kernel
from toolkit.kernels.channel_blocks import pad_channels
from toolkit.kernels.ternary_cases import fully_connected_cases
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.weighted import fold, is_ternary, requant_fields


class FullyConnectedT2Simd(Kernel):
    """Each byte of weights, of a column of four rows, is read once for up to four inputs."""

    name = "tk_fully_connected_t2_simd"
    op = "fully_connected"
    sets = ("neon", "avx2")
    packing: ClassVar[str] = "t2"

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        channels, depth = step.inputs[1].shape
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        folded = pad_channels(fold(step))
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        packed = pack_ternary(folded.weight.reshape(channels, depth), self.packing)
        weight = emitter.constant("weight", packed)
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        shape = [str(step.output.size // channels), str(depth), str(channels)]
        return Call(self.name, [x, weight, bias, requant, y, *shape])

    def cases(self) -> Iterable[Case]:
        return fully_connected_cases()


KERNEL = FullyConnectedT2Simd()
