"""Any function of one number on int16: 513 entries and straight lines between them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.int8_value import scale_of
from toolkit.ops.int16 import LARGEST, LOWEST, int16_cases
from toolkit.ops.real_functions import evaluate
from toolkit.ops.table import Table


class TableS16(Table):
    """``output = f(input)``; see ``toolkit.ops.table``. The table is laid out and read as TensorFlow Lite's for int16.

    An entry is lowered by half of what the line between it and the next errs in their middle.
    """

    name = "table_s16"
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        entries = table_s16(step).astype(np.int64)
        x = inputs[0].astype(np.int64)
        base, following = entries[256 + (x >> 7)], entries[257 + (x >> 7)]
        return (base + (((following - base) * (x & 127) + 64) >> 7)).astype(np.int16)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        table = emitter.constant("table", table_s16(step))
        return Call("tk_table_s16", [x, table, y, str(step.output.size)])

    def cases(self) -> Iterable[Case]:
        return int16_cases(super().cases(), self.name)


def table_s16(step: Step) -> np.ndarray:
    """Return the 513 int16 entries for the inputs -32768, -32640 .. 32768."""
    codes = np.arange(-256, 256.5, 0.5) * 128  # entries, and the middles between them
    parameters = step.attrs["parameters"]
    with np.errstate(all="ignore"):
        real = evaluate(step.attrs["function"], codes * scale_of(step.inputs[0]), parameters)
        scaled = np.clip(np.nan_to_num(real / scale_of(step.output)), LOWEST, LARGEST)
    rounded = np.floor(scaled + 0.5)
    entries, middles = rounded[::2], rounded[1::2]
    line = np.floor((scaled[2::2] + entries[:-1]) / 2 + 0.5)
    entries[:-1] -= np.floor((line - middles) / 2 + 0.5)
    return np.clip(entries, LOWEST, LARGEST).astype(np.int16)


OPERATOR = TableS16()
