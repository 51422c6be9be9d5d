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
    """``output = f(input)``; see ``toolkit.ops.table``. The table is filled and read as LiteRT's for int16, to the bit.

    An entry is lowered by half of what the line between it and the next errs in their middle. Sigmoid and tanh, for
    which LiteRT has other kernels, are computed in the same way.
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
    """Return the 513 int16 entries, as LiteRT's ``LUTPopulate`` fills them: in float32, 65535/512 codes apart."""
    f32, parameters = np.float32, step.attrs["parameters"]
    scale_in, scale_out = f32(scale_of(step.inputs[0])), f32(scale_of(step.output))
    lowest, largest = scale_in * f32(LOWEST), scale_in * f32(LARGEST)
    gap = (largest - lowest) / f32(512)
    per_real = f32(65536) / (scale_out * f32(LARGEST) - scale_out * f32(LOWEST))

    def scaled(x: np.ndarray) -> np.ndarray:
        real = evaluate(step.attrs["function"], x.astype(np.float64), parameters)
        limit = float(scale_out) * 2**20  # far beyond every code
        kept = np.clip(np.nan_to_num(real, nan=0.0, posinf=limit, neginf=-limit), -limit, limit)
        return kept.astype(f32) * per_real

    index = np.arange(512).astype(f32)
    entries = _round_away(scaled(lowest + index * gap))
    line = _round_away((scaled(lowest + (index + f32(1)) * gap) + entries) / f32(2))
    middle = _round_away(scaled(lowest + index * gap + gap / f32(2)))
    entries = entries - _round_away((line - middle) / f32(2))
    last = _round_away(scaled(np.array([largest])))
    return np.clip(np.concatenate([entries, last]), LOWEST, LARGEST).astype(np.int16)


def _round_away(x: np.ndarray) -> np.ndarray:
    return np.trunc(x + np.copysign(np.float32(0.5), x))


OPERATOR = TableS16()
