"""The logistic function and the hyperbolic tangent on int16, as LiteRT's reference kernels compute them.

Both read one table of the logistic function at 0, 1/24 .. 255/24 and draw straight lines between; tanh(x) is
2 sigmoid(2x) - 1. Inputs of any scale first become steps of 1/12288.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import int16_cases
from toolkit.ops.table import Table


def _entries() -> np.ndarray:
    """Return the table: each entry is raised by half of what the line to the next errs in its middle; the last is 1."""
    exact = 65536 / (1 + np.exp(-np.arange(0, 256.5, 0.5) / 24))
    ends, middles = exact[::2], exact[1::2]
    raised = ends[:-1] + (middles - (ends[:-1] + ends[1:]) / 2) / 2
    return np.append(np.floor(raised[:-1] + 0.5), 65535).astype(np.int64)


SIGMOID = _entries()


class GateS16(Table):
    """``doubled`` looks twice the input up: tanh. The output's scale is 1/32768, whatever it says."""

    aten = ()
    quantization = "fixed"
    fixed_output = (1 / 32768, 0)
    doubled: ClassVar[bool] = False

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        multiplier, shift = _scaling(step)
        x = (inputs[0].astype(np.int64) * multiplier + (1 << shift >> 1)) >> shift
        bits = 8 if self.doubled else 9  # between two entries
        place, part = np.abs(x) >> bits, np.abs(x) & ((1 << bits) - 1)
        low = SIGMOID[np.minimum(place, 255)]
        line = (low << bits) + part * (SIGMOID[np.minimum(place + 1, 255)] - low)
        if self.doubled:
            line = np.where(place >= 255, 0xFFFF << 8, line)
            return (np.where(x >= 0, line - (1 << 23) + 128, (1 << 23) - line + 127) >> 8).astype(np.int16)
        line = np.where(place >= 255, 0x7FFF << 10, line)
        return (np.where(x >= 0, line + 512, (1 << 25) - line + 511) >> 10).astype(np.int16)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        table = emitter.constant("table", SIGMOID.astype(np.uint16))
        numbers = [str(n) for n in (*_scaling(step), int(self.doubled))]
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_gate_s16", [x, table, *numbers, y, str(step.output.size)])

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


def _scaling(step: Step) -> tuple[int, int]:
    """Return multiplier (up to 2**15) and right shift from the input's steps to 1/12288."""
    real, shift = float(np.float32(scale_of(step.inputs[0]))) * 4096 * 3, 0
    while real <= 32767 / 2 and shift <= 30:
        real, shift = real * 2, shift + 1
    return int(min(real, 32767)), shift
