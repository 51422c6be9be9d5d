"""int8 convolution and addition in one with SMLAD: the sum is made before a tile is stored."""

from __future__ import annotations

from toolkit.kernels import candidates
from toolkit.kernels.base import Kernel
from toolkit.kernels.conv2d_s8_dsp import KERNEL as CONV
from toolkit.kernels.conv2d_s8_dsp import PIXELS
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.conv2d_add import OPERATOR, Ends, sum_arguments
from toolkit.ops.weighted import fold


class Conv2dAddS8Dsp(Kernel):
    """As ``tk_conv2d_s8_dsp``, of convolutions that are not bounded themselves."""

    name = "tk_conv2d_add_s8_dsp"
    op = "conv2d_add"
    sets = ("armv7em",)

    def takes(self, step: Step) -> bool:
        conv, _ = OPERATOR.parts(step)
        if not CONV.takes(conv):
            return False
        folded = fold(conv)
        return (folded.low, folded.high) == (-128, 127)

    def pays(self, step: Step) -> bool:
        conv, _ = OPERATOR.parts(step)
        return candidates(conv, self.sets[0])[0] == CONV.name

    def emit(self, step: Step, emitter: Emitter) -> Call:
        conv, add = OPERATOR.parts(step)
        x, zero_point, w, finish, double, _, _, *rest = CONV.emit(
            conv, Ends(emitter, conv.output, step.output)
        ).args
        return Call(self.name, [x, zero_point, w, finish, double, *sum_arguments(add, emitter), *rest])

    def scratch_bytes(self, step: Step) -> int:
        return CONV.scratch_bytes(OPERATOR.parts(step)[0])

    def overlap(self, step: Step, index: int) -> int | None:
        if index == len(step.inputs) - 1:
            return PIXELS * step.output.shape[-1]
        return CONV.overlap(OPERATOR.parts(step)[0], index)


KERNEL = Conv2dAddS8Dsp()
