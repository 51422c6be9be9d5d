"""Ternary fully connected layer of rows with a scale each, with SMLAD."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.fully_connected_per_token import token_call
from toolkit.ops.pack_ternary import pack_ternary_tiles
from toolkit.ops.weighted import is_ternary


class FullyConnectedPerTokenT2Dsp(Kernel):
    """Sums as ``tk_fully_connected_t2_dsp`` makes them, and of the same weights."""

    name = "tk_fully_connected_per_token_t2_dsp"
    op = "fully_connected_per_token"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        return is_ternary(step)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        data = step.inputs[1].data
        assert data is not None
        return token_call(step, emitter, self.name, pack_ternary_tiles(data), emitter.scratch("uint32_t"))

    def scratch_bytes(self, step: Step) -> int:
        return 16 * -(-step.inputs[1].shape[1] // 8)


KERNEL = FullyConnectedPerTokenT2Dsp()
