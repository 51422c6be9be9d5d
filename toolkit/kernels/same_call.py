"""Tuned kernels that are called exactly as an operator's portable one, under another name."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from toolkit.kernels.base import Kernel
from toolkit.kernels.sizing import Sizing
from toolkit.lower.ir import Step
from toolkit.ops import operators
from toolkit.ops.base import Call, Emitter


class SameCall(Kernel):
    """Takes the steps that the operator computes by the kernel ``portable``, with its arguments."""

    portable: ClassVar[str]

    def takes(self, step: Step) -> bool:
        call = operators()[self.op].emit(step, Sizing())
        return isinstance(call, Call) and call.kernel == self.portable

    def emit(self, step: Step, emitter: Emitter) -> Call:
        call = operators()[self.op].emit(step, emitter)
        assert isinstance(call, Call), self.op
        return replace(call, kernel=self.name, family="")

    def scratch_bytes(self, step: Step) -> int:
        return operators()[self.op].scratch_bytes(step)
