"""The logarithm of the softmax along one axis."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Case
from toolkit.ops.exponential import exp_f32, reciprocal_q31
from toolkit.ops.fixed_point import multiply_high, shift_away
from toolkit.ops.functions_f32 import log
from toolkit.ops.softmax import Softmax, exponentials


class LogSoftmax(Softmax):
    """``output = input - max - log(sum(exp(input - max)))`` along ``attrs["axis"]``.

    int8 equals TensorFlow Lite's reference kernel bit for bit: output scale 1/16, zero point 127.
    """

    name = "log_softmax"
    aten = ("aten.log_softmax.int", "aten._log_softmax.default")
    fixed_output = (16 / 256, 127)

    def scratch_bytes(self, step: Step) -> int:
        return 0

    def floats(self, x: np.ndarray) -> np.ndarray:
        shifted = x - x.max(-1, keepdims=True)
        total = np.cumsum(exp_f32(shifted), -1, dtype=np.float32)[..., -1:]
        return (shifted - log(np.ascontiguousarray(total))).astype(np.float32)

    def integers(self, x: np.ndarray, multiplier: int, left: int, smallest: int) -> np.ndarray:
        scaled, exponential, total = exponentials(x, multiplier, left, smallest)
        log_sum = log_q19(total)
        value = np.clip(shift_away(scaled - log_sum, 22) + 127, -128, 127)
        return np.where((exponential > 0) & (scaled > log_sum - 2**30), value, -128).astype(np.int8)

    def cases(self) -> Iterable[Case]:
        yield from super().cases()
        yield self.case((2, 700), 1, "int8", 1e-4)


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


OPERATOR = LogSoftmax()
