"""Softmax over a part of each row, as a causal mask leaves it, or a cache that is not full yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.rows import rows_of
from toolkit.ops.softmax import Softmax


class MaskedSoftmax(Softmax):
    """As ``softmax`` along the last axis over the scores that ``attrs["kept"]`` says; the others become 0.

    ``kept`` is (start, count) for each row, and repeats when there are more rows. With a second input, indices into
    ``kept`` that are known at run time only, those repeat instead. Made by ``toolkit.lower.masks``.
    """

    name = "masked_softmax"
    aten: ClassVar[tuple[str, ...]] = ()
    layout: ClassVar[Literal["axes", "fixed"]] = "fixed"

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        rows, depth, _ = rows_of(step)
        zero = np.float32(0) if step.output.quant is None else np.int8(self.fixed_output[1])
        out = np.full((rows, depth), zero)
        kept = step.attrs["kept"]
        chosen = np.clip(inputs[1].reshape(-1), 0, len(kept) - 1) if len(inputs) > 1 else np.arange(len(kept))
        for row, x in enumerate(inputs[0].reshape(rows, depth)):
            start, count = kept[chosen[row % len(chosen)]]
            part = replace(step, attrs={"axis": 1}, output=replace(step.output, shape=(1, count)))
            out[row, start : start + count] = super().reference(part, [x[None, start : start + count]])
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        call = super().emit(step, emitter)
        kept = np.array(step.attrs["kept"], np.uint16)
        x, *rest, rows, depth, _ = call.args
        index = ["0", "1"]
        if len(step.inputs) > 1:
            index = [emitter.pointer(step.inputs[1]), str(step.inputs[1].size)]
        arguments = [x, emitter.constant("kept", kept), *rest, rows, depth, str(len(kept)), *index]
        return Call(call.kernel, arguments)

    def overlap(self, step: Step, index: int) -> int | None:
        return super().overlap(step, index) if index == 0 else None

    def cases(self) -> Iterable[Case]:
        causal = tuple((0, n + 1) for n in range(5))
        window = ((0, 2), (0, 3), (1, 3), (2, 3), (3, 1))
        for kind in KINDS:
            for shape, kept in (((2, 3, 5, 5), causal), ((1, 5, 7), window), ((3, 4), ((1, 3),))):
                x, y = activation("x", shape, kind, 0.05, -20), activation("y", shape, kind, 1 / 256, -128)
                step = Step("masked_softmax", "softmax", [x], y, {"axis": len(shape) - 1, "kept": kept})
                yield Case(case_id(shape, len(kept), kind), step, [sample(x, 8)])
            for places in ([0], [4], [9, -1]):
                shape = (1, 3, len(places), 5)
                x, y = activation("x", shape, kind, 0.05, -20), activation("y", shape, kind, 1 / 256, -128)
                index = Value("i", (len(places),), "int32")
                attrs = {"axis": 3, "kept": causal}
                step = Step("masked_softmax", "softmax", [x, index], y, attrs)
                name = case_id("index", *places, kind)
                yield Case(name, step, [sample(x, 8), np.array(places, np.int32)])


OPERATOR = MaskedSoftmax()
