"""int8 addition as one linear form with AVX2; compilers vectorise the portable kernel for NEON themselves."""

from __future__ import annotations

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops import operators
from toolkit.ops.base import Call, Emitter


class AddLinearS8Avx2(Kernel):
    """The operator's own call with another kernel, where it is a linear form; elsewhere that call."""

    name = "tk_add_linear_s8_avx2"
    op = "add"
    sets = ("avx2",)

    def takes(self, step: Step) -> bool:
        return step.output.dtype == "int8" and step.output.quant is not None

    def emit(self, step: Step, emitter: Emitter) -> Call:
        call = operators()[self.op].emit(step, emitter)
        assert isinstance(call, Call)
        return Call(self.name, call.args) if call.kernel == "tk_add_linear_s8" else call


KERNEL = AddLinearS8Avx2()
