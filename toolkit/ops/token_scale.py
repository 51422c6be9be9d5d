"""The scale with which each row of a float tensor becomes int8, found at run time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.rows import tokens

_SMALLEST = np.float32(1e-5)  # a row of zeros must not divide by zero
_LARGEST = np.float32(127)


class TokenScale(Operator):
    """``output[..., 0] = max(largest |input[..., :]|, 1e-5) / 127`` in float32, as ``quantized_decomposed`` says.

    A row with NaN has the scale NaN, and so NaN is what a layer makes of it.
    """

    name = "token_scale"
    aten = ("quantized_decomposed.choose_qparams_per_token.default",)

    def read(self, node: Any, reader: Reader) -> Step:
        x = reader.value(node.args[0])
        if x.dtype != "float32" or x.data is not None or not x.shape:
            raise reader.unsupported("of other than computed float32 rows")
        return Step(self.name, "", [x], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        largest = np.abs(inputs[0]).max(-1, keepdims=True)
        return (np.maximum(largest, _SMALLEST) / _LARGEST).astype(np.float32).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call("tk_token_scale", [x, y, *map(str, tokens(step.inputs[0]))])

    def cases(self) -> Iterable[Case]:
        for shape, data in token_samples():
            x, y = Value("x", shape), Value("y", (*shape[:-1], 1))
            step = Step(self.name, "scale", [x], y)
            yield Case("x".join(map(str, shape)), step, [data])


def token_samples() -> Iterable[tuple[tuple[int, ...], np.ndarray]]:
    """Yield shapes and float32 rows: one element, an odd number, zeros, tiny and huge ones, ties, NaN and infinity."""
    rng = np.random.default_rng(0)
    for shape in ((1, 64), (1, 1), (2, 3, 7), (5, 33)):
        data = rng.normal(size=shape).astype(np.float32) * 3
        if shape == (5, 33):
            data[1] = 0
            data[2] *= np.float32(1e-7)
            data[3] *= np.float32(1e30)
        yield shape, data
    yield (1, 255), np.append(np.arange(-126.5, 127), 127).astype(np.float32)[None]  # ties at a scale of 1
    bad = np.ones((3, 4), np.float32)
    bad[0, 2], bad[1, 1], bad[2, 0], bad[2, 3] = np.nan, np.inf, -np.inf, np.nan
    yield (3, 4), bad


OPERATOR = TokenScale()
