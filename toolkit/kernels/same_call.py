"""Tuned kernels that are called exactly as an operator's portable one, under another name."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step, Value
from toolkit.ops import operators
from toolkit.ops.base import Call, Emitter


class SameCall(Kernel):
    """Takes the steps that the operator computes by the kernel ``portable``, with its arguments."""

    portable: ClassVar[str]

    def takes(self, step: Step) -> bool:
        call = operators()[self.op].emit(step, _Nothing())
        return isinstance(call, Call) and call.kernel == self.portable

    def emit(self, step: Step, emitter: Emitter) -> Call:
        call = operators()[self.op].emit(step, emitter)
        assert isinstance(call, Call), self.op
        return replace(call, kernel=self.name, family="")

    def scratch_bytes(self, step: Step) -> int:
        return operators()[self.op].scratch_bytes(step)


class _Nothing:
    """An emitter that defines nothing: to learn which kernel an operator would call."""

    def pointer(self, value: Value) -> str:
        return ""

    def constant(self, suffix: str, data: np.ndarray) -> str:
        return ""

    def function(self, suffix: str, text: str) -> str:
        return ""

    def local(self, ctype: str, name: str, initialiser: str) -> str:
        return ""

    def float_literal(self, value: float) -> str:
        return ""

    def scratch(self, ctype: str = "int8_t") -> str:
        return ""
