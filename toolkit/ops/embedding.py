"""Rows of a constant table by indices that are computed, or given, at run time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import WITH_INT16, activation, case_id
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.strided import itemsize


class Embedding(Operator):
    """``output[.., :] = table[index[..], :]``; an index outside the table takes the nearest row."""

    name = "embedding"
    aten = ("aten.embedding.default",)
    quantization = "share"
    moves_data = True
    takes_int16 = True

    def read(self, node: Any, reader: Reader) -> Step:
        table, index = (reader.value(arg) for arg in node.args[:2])
        if table.data is None:
            raise reader.unsupported("a table computed at run time")
        if index.dtype not in ("int32", "int64"):
            raise reader.unsupported(f"{index.dtype} indices")
        return Step(self.name, "", [table, index], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        table = stored_table(step)
        return table[np.clip(inputs[0], 0, len(table) - 1)].reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        table = stored_table(step)
        sizes = (step.inputs[1].size, *table.shape)
        pointers = [emitter.pointer(step.inputs[1]), emitter.constant("weight", table)]
        return Call(
            "tk_embedding", [*pointers, emitter.pointer(step.output), itemsize(step), *map(str, sizes)]
        )

    def cases(self) -> Iterable[Case]:
        for kind in WITH_INT16:
            for count, rows, size in ((5, 9, 4), (1, 1, 1), (7, 300, 3)):
                rng = np.random.default_rng([count, rows, size])
                table = rng.integers(-128, 128, (rows, size)).astype(kind)
                y = activation("y", (1, count, size), kind)
                weight = Value("w", table.shape, kind, y.quant, table)
                step = Step("embedding", "embedding", [weight, Value("i", (1, count), "int32")], y)
                index = rng.integers(-2, rows + 2, (1, count)).astype(np.int32)
                yield Case(case_id(count, rows, size, kind), step, [index])


def stored_table(step: Step) -> np.ndarray:
    """Return the table as stored; a float one of an int8 step becomes integers of the output's scale."""
    table, quant = step.inputs[0], step.output.quant
    assert table.data is not None
    if quant is None or table.quant is not None:
        return table.data
    integers = np.rint(table.data.astype(np.float64) / quant.scale[0]) + quant.zero_point[0]
    return np.clip(integers, quant.qmin, quant.qmax).astype(step.output.dtype)


OPERATOR = Embedding()
