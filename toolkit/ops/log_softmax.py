"""The logarithm of the softmax along one axis."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator, Reader
from toolkit.ops.exponential import exp_f32, reciprocal_q31
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.functions_f32 import log
from toolkit.ops.reading import real_input
from toolkit.ops.rows import rows_of
from toolkit.ops.softmax import exponentials, softmax_scaling


class LogSoftmax(Operator):
    """``output = input - max - log(sum(exp(input - max)))`` along ``attrs["axis"]``.

    int8 equals TensorFlow Lite's reference kernel bit for bit: output scale 1/16, zero point 127.
    """

    name = "log_softmax"
    aten = ("aten.log_softmax.int", "aten._log_softmax.default")
    quantization = "fixed"
    fixed_output = (16 / 256, 127)
    layout = "axes"

    def read(self, node: Any, reader: Reader) -> Step:
        x = real_input(node.args[0], reader)
        return Step(self.name, "", [x], Value("", ()), {"axis": int(node.args[1]) % len(x.shape)})

    def transpose(self, step: Step, dims: tuple[int, ...]) -> None:
        step.attrs["axis"] = dims.index(step.attrs["axis"])

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        x = np.moveaxis(inputs[0], step.attrs["axis"], -1)
        quantized = step.output.quant is not None
        out = (
            _log_softmax_s8(x, *softmax_scaling(step, self.fixed_output))
            if quantized
            else _log_softmax_f32(x)
        )
        return np.ascontiguousarray(np.moveaxis(out, -1, step.attrs["axis"])).reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        rows = [str(n) for n in rows_of(step)]
        if step.output.quant is None:
            return Call("tk_log_softmax_f32", [x, y, *rows])
        scaling = [str(n) for n in softmax_scaling(step, self.fixed_output)]
        return Call("tk_log_softmax_s8", [x, *scaling, y, *rows])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0

    def cases(self) -> Iterable[Case]:
        for kind in KINDS:
            for shape, axis in (((1, 10), 1), ((3, 2), 1), ((1, 1), 1), ((1, 3, 2, 5), 3), ((2, 4, 3), 1)):
                yield _case(shape, axis, kind)
            yield _case((4, 12), 1, kind, 0.2, extreme=True)
        for scale in (1e-9, 0.001, 0.1, 0.4, 3.0, 50.0):
            yield _case((8, 20), 1, "int8", scale)
        yield _case((2, 700), 1, "int8", 1e-4)


def _log_softmax_s8(x: np.ndarray, multiplier: int, left: int, smallest: int) -> np.ndarray:
    """Along the last axis, every rounding as in ``tk_log_softmax_s8.h``."""
    scaled, exponential, total = exponentials(x, multiplier, left, smallest)
    log_sum = log_q19(total)
    value = np.clip(shift_away(scaled - log_sum, 22) + 127, -128, 127)
    return np.where((exponential > 0) & (scaled > log_sum - 2**30), value, -128).astype(np.int8)


def log_q19(x: np.ndarray) -> np.ndarray:
    """Return log(x) in Q5.26 for x >= 1 in Q12.19; int64 arrays. See ``tk_log_q19``."""
    quarter, root, half_root = 1 << 17, 1805811301, 1518500250
    zeros = _leading_zeros(x)
    ra = np.minimum(multiply_high(x << (zeros - 1), half_root) << 1, 2**31 - 1)
    na = ((12 - zeros) << 19) + quarter
    headroom = _leading_zeros(multiply_high(x, half_root)) - 1
    rb = np.minimum(x << headroom, 2**31 - 1)
    nb = ((12 - headroom) << 19) - quarter
    r, n = np.minimum(ra, rb), np.maximum(na, nb)
    p, q = (r + root + 1) >> 1, (r - root) * 2
    square = multiply_high(q, q)
    numerator = multiply_high(q, r) + multiply_high(multiply_high(q, square), 117049297)
    inner = 1057819769 + q + multiply_high(square, 127690142)
    denominator = multiply_high(p, inner) + multiply_high(q, 638450708)
    ratio = multiply_high(shift_away(numerator, 12), reciprocal_q31(denominator))
    return (multiply_high(n, 1488522236) + ratio) * 128


def _leading_zeros(x: np.ndarray) -> np.ndarray:
    return 32 - np.frexp(x.astype(np.float64))[1].astype(np.int64)


def _log_softmax_f32(x: np.ndarray) -> np.ndarray:
    """Along the last axis in float32, the sum in order."""
    shifted = x - x.max(-1, keepdims=True)
    total = np.cumsum(exp_f32(shifted), -1, dtype=np.float32)[..., -1:]
    return (shifted - log(np.ascontiguousarray(total))).astype(np.float32)


def _case(shape: tuple[int, ...], axis: int, kind: str, scale: float = 0.05, extreme: bool = False) -> Case:
    x, y = activation("x", shape, kind, scale, -20), activation("y", shape, kind, 1 / 16, 127)
    step = Step("log_softmax", "log_softmax", [x], y, {"axis": axis})
    name = case_id(shape, axis, scale, kind, *(["extreme"] if extreme else []))
    return Case(name, step, [sample(x, 8, extreme=extreme)])


OPERATOR = LogSoftmax()
