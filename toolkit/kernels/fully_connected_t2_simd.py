"""Ternary fully connected layer with NEON, AVX2 or AVX-512: two bits a weight."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import ClassVar

from quantize.packed import pack_ternary
from toolkit.kernels.base import Kernel
from toolkit.kernels.channel_blocks import pad_channels
from toolkit.kernels.ternary_cases import fully_connected_cases
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.weighted import fold, is_ternary, matrix_sizes, packed_fields


class FullyConnectedT2Simd(Kernel):
    """Each byte of weights, of a column of four rows, is read once for up to four inputs."""

    name = "tk_fully_connected_t2_simd"
    op = "fully_connected"
    sets = ("neon", "avx2")
    packing: ClassVar[str] = "t2"

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        pack = partial(pack_ternary, packing=self.packing)
        packed = packed_fields(pad_channels(fold(step)), pack, emitter)
        return Call(self.name, [x, *packed, y, *matrix_sizes(step)])

    def cases(self) -> Iterable[Case]:
        return fully_connected_cases()


KERNEL = FullyConnectedT2Simd()
