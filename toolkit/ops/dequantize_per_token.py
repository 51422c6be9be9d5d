"""int8 with a scale for each row to float32, where no layer takes the integers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.quantize_per_token import check_symmetric, int8_range
from toolkit.ops.rows import tokens


class DequantizePerToken(Operator):
    """``output[..., k] = input[..., k] * scale[..., 0]`` in float32."""

    name = "dequantize_per_token"
    aten = ("quantized_decomposed.dequantize_per_token.default",)

    def read(self, node: Any, reader: Reader) -> Step:
        x, scale, zero_point = (reader.value(arg) for arg in node.args[:3])
        check_symmetric(x, scale, zero_point, reader)
        int8_range(node, reader)
        if node.meta["val"].dtype.itemsize != 4:
            raise reader.unsupported("to other than float32")
        return Step(self.name, "", [x, scale], Value("", ()))

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        rows = inputs[0].reshape(tokens(step.inputs[0])).astype(np.float32)
        with np.errstate(invalid="ignore"):
            return (rows * inputs[1].reshape(-1, 1)).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [emitter.pointer(value) for value in (*step.inputs, step.output)]
        return Call("tk_dequantize_per_token", [*pointers, *map(str, tokens(step.inputs[0]))])

    def cases(self) -> Iterable[Case]:
        rng = np.random.default_rng(0)
        for shape in ((1, 5), (2, 3, 4), (3, 1)):
            x, scale, y = Value("x", shape, "int8"), Value("s", (*shape[:-1], 1)), Value("y", shape)
            data = rng.integers(-128, 128, shape).astype(np.int8)
            scales = rng.uniform(1e-7, 2, scale.shape).astype(np.float32)
            scales[0] = np.nan if shape == (3, 1) else scales[0]
            step = Step(self.name, "dequantize", [x, scale], y)
            yield Case("x".join(map(str, shape)), step, [data, scales])


OPERATOR = DequantizePerToken()
