"""float32 to int8 with a scale for each row."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.rows import tokens
from toolkit.ops.token_scale import OPERATOR as SCALE
from toolkit.ops.token_scale import token_samples


class QuantizePerToken(Operator):
    """``output[..., k] = clamp(round(input[..., k] * (1 / scale[..., 0])))``, ties to even; NaN becomes the smallest.

    Inputs are rows and their scales; ``attrs["range"]`` has the ends. The output has no quantization of its own:
    what reads it reads the scales as well.
    """

    name = "quantize_per_token"
    aten = ("quantized_decomposed.quantize_per_token.default",)

    def read(self, node: Any, reader: Reader) -> Step:
        x, scale, zero_point = (reader.value(arg) for arg in node.args[:3])
        check_symmetric(x, scale, zero_point, reader)
        return Step(self.name, "", [x, scale], Value("", ()), {"range": int8_range(node, reader)})

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        rows = inputs[0].reshape(tokens(step.inputs[0]))
        low, high = map(np.float32, step.attrs["range"])
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = rows * (np.float32(1) / inputs[1].reshape(-1, 1))
        whole = np.rint(np.where(scaled > low, np.minimum(scaled, high), low))
        return whole.astype(np.int8).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        pointers = [emitter.pointer(value) for value in step.inputs]
        numbers = [
            str(n) for n in (*step.attrs["range"], emitter.pointer(step.output), *tokens(step.inputs[0]))
        ]
        return Call("tk_quantize_per_token", [*pointers, *numbers])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0 if index == 0 else None

    def cases(self) -> Iterable[Case]:
        for shape, data in token_samples():
            for ends in ((-128, 127), (-127, 127)):
                x, scale, y = Value("x", shape), Value("s", (*shape[:-1], 1)), Value("y", shape, "int8")
                step = Step(self.name, "quantize", [x, scale], y, {"range": ends})
                scales = SCALE.reference(Step("", "", [x], scale), [data])
                yield Case(f"{'x'.join(map(str, shape))}{ends[0]}", step, [data, scales])


def check_symmetric(x: Value, scale: Value, zero_point: Value, reader: Reader) -> None:
    """Refuse other than computed rows with a computed scale each, and zero points of 0."""
    if x.data is not None or scale.data is not None:
        raise reader.unsupported("with constant scales: quantize_per_channel does that")
    if zero_point.data is None or zero_point.data.any():
        raise reader.unsupported("with zero points: choose_qparams_per_token is symmetric")
    if scale.shape != (*x.shape[:-1], 1):
        raise reader.unsupported("with other than one scale for each row")


def int8_range(node: Any, reader: Reader) -> tuple[int, int]:
    """Return the ends of a per-token operator's integers."""
    low, high = (int(end) for end in node.args[3:5])
    if str(node.args[5]) != "torch.int8" or not -128 <= low < 0 < high <= 127:
        raise reader.unsupported("to other than int8")
    return low, high


OPERATOR = QuantizePerToken()
