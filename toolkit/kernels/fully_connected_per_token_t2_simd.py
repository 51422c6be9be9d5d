"""Ternary fully connected layer of rows with a scale each, with NEON, AVX2 or AVX-512."""

from __future__ import annotations

from quantize.packed import pack_ternary
from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.fully_connected_per_token import token_call
from toolkit.ops.weighted import is_ternary


class FullyConnectedPerTokenT2Simd(Kernel):
    """Sums by ``tk_matmul_ternary``."""

    name = "tk_fully_connected_per_token_t2_simd"
    op = "fully_connected_per_token"
    sets = ("neon", "avx2")

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        data = step.inputs[1].data
        assert data is not None
        return token_call(step, emitter, self.name, pack_ternary(data, "t2"))


KERNEL = FullyConnectedPerTokenT2Simd()
