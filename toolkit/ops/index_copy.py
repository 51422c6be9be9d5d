"""A tensor with some rows replaced at indices that are known at run time only: how a cache takes its next entry."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.reading import real_input


class IndexCopy(Operator):
    """``output`` is ``input``, but along ``attrs["axis"]`` ``output[index[i]] = source[i]``.

    An index outside takes the nearest row; of equal ones the last counts.
    """

    name = "index_copy"
    aten = ("aten.index_copy.default",)
    quantization = "share"
    one_scale = True

    def read(self, node: Any, reader: Reader) -> Step:
        x, source = real_input(node.args[0], reader), real_input(node.args[3], reader)
        index = reader.value(node.args[2])
        if any(value.data is not None for value in (x, index, source)):
            raise reader.unsupported("constant operands; store the tensor in a buffer that forward() changes")
        return Step(
            self.name, "", [x, index, source], Value("", ()), {"axis": int(node.args[1]) % len(x.shape)}
        )

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x, index, source = inputs
        out, axis = np.moveaxis(x.copy(), step.attrs["axis"], 0), step.attrs["axis"]
        for place, row in zip(index.reshape(-1), np.moveaxis(source, axis, 0), strict=True):
            out[min(max(int(place), 0), len(out) - 1)] = row
        return np.ascontiguousarray(np.moveaxis(out, 0, axis))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, index, source = step.inputs
        axis = step.attrs["axis"]
        row_bytes = prod(x.shape[axis + 1 :]) * ITEMSIZE[x.dtype]
        sizes = (prod(x.shape[:axis]), x.shape[axis], index.size, row_bytes)
        bytes_ = [_bytes(value, emitter) for value in (x, source, step.output)]
        return Call("tk_index_copy", [bytes_[0], emitter.pointer(index), *bytes_[1:], *map(str, sizes)])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == 0 else None

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, axis, places in (
                ((1, 2, 5, 4), 2, [3]),
                ((1, 7), 1, [6, 0, 6]),
                ((2, 3, 2), 0, [-4]),
                ((3, 4, 5), 1, [9, 2]),
            ):
                rows = (*shape[:axis], len(places), *shape[axis + 1 :])
                x, source, y = (activation(n, s, kind) for n, s in (("x", shape), ("s", rows), ("y", shape)))
                index = Value("i", (len(places),), "int32")
                step = Step("index_copy", "index_copy", [x, index, source], y, {"axis": axis})
                inputs = [sample(x, 1), np.array(places, np.int32), sample(source, 2)]
                yield Case(case_id(shape, axis, len(places), kind), step, inputs)


def _bytes(value: Value, emitter: Emitter) -> str:
    pointer = emitter.pointer(value)
    return pointer if value.dtype == "int8" else f"(int8_t *){pointer}"


OPERATOR = IndexCopy()
