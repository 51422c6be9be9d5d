"""Normalization of rows to mean 0 and variance 1 (or to a mean square of 1), with a factor and an offset per channel.

On integers the mean and the variance are exact; their inverse square root has 29 bits, normalized values 15 fraction
bits, factors 15 bits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import KINDS, activation, case_id, sample
from toolkit.ops.base import Call, Case, Emitter, Operator
from toolkit.ops.functions_f32 import sqrt
from toolkit.ops.int8_value import scale_of, zero_point_of

LARGEST_ROW = 32768  # its sum of squares fits in 32 bits
FRACTION_BITS = 15  # of a normalized value


@dataclass(frozen=True)
class Rows:
    """The input as (rows, channels, inner): each row is normalized; its channels' factors are ``row % groups``'s."""

    rows: int
    channels: int
    inner: int
    groups: int

    @property
    def size(self) -> int:
        """Elements of a row."""
        return self.channels * self.inner

    def per_element(self, parameter: np.ndarray) -> np.ndarray:
        """Return a parameter of every channel of every group as (rows, channels, 1)."""
        return np.tile(parameter.reshape(self.groups, self.channels), (self.rows // self.groups, 1))[
            :, :, None
        ]


class Normalization(Operator):
    """``output = (input - mean) / sqrt(variance + eps) * gamma + beta`` in each of ``rows``.

    Inputs are the activation and, where there are any, constant gamma and beta. ``centred`` False leaves the mean out:
    RMS normalization.
    """

    quantization = "io"
    float_constants = True
    centred: ClassVar[bool] = True

    def rows(self, step: Step) -> Rows:
        """Return how the input falls into rows."""
        raise NotImplementedError

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        rows = self.rows(step)
        x = inputs[0].reshape(rows.rows, rows.channels, rows.inner)
        quantized = step.output.quant is not None
        out = self._integers(step, rows, x) if quantized else self._floats(step, rows, x)
        return out.reshape(step.output.shape)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        rows = self.rows(step)
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        shape = [str(n) for n in (rows.rows, rows.channels, rows.inner, rows.groups)]
        if step.output.quant is None:
            gamma, beta = (
                emitter.constant(n, d)
                for n, d in zip(("gamma", "beta"), _parameters(step, rows), strict=True)
            )
            eps = emitter.float_literal(step.attrs["eps"])
            return Call("tk_normalize_f32", [x, gamma, beta, eps, str(int(self.centred)), y, *shape])
        folded = _fold(step, rows)
        gamma, beta = emitter.constant("gamma", folded.gamma), emitter.constant("beta", folded.beta)
        fields = [zero_point_of(step.inputs[0]), int(self.centred), folded.shift, zero_point_of(step.output)]
        form = emitter.local("tk_normalization", "form", f"{{{', '.join(map(str, fields))}, {folded.eps}}}")
        return Call("tk_normalize_s8", [x, gamma, beta, form, y, *shape])

    def overlap(self, step: Step, index: int) -> int | None:
        return 0  # a row is read once before any of it is written

    def _floats(self, step: Step, rows: Rows, x: np.ndarray) -> np.ndarray:
        f32 = np.float32
        flat = x.reshape(rows.rows, rows.size).astype(f32)
        count = f32(rows.size)
        mean = (
            np.cumsum(flat, 1, dtype=f32)[:, -1:] / count if self.centred else np.zeros((rows.rows, 1), f32)
        )
        centred = flat - mean
        variance = np.cumsum(centred * centred, 1, dtype=f32)[:, -1:] / count
        factor = f32(1) / sqrt(variance + f32(step.attrs["eps"]))
        gamma, beta = (rows.per_element(p) for p in _parameters(step, rows))
        return (centred * factor).reshape(x.shape) * gamma + beta

    def _integers(self, step: Step, rows: Rows, x: np.ndarray) -> np.ndarray:
        folded = _fold(step, rows)
        d = x.reshape(rows.rows, rows.size).astype(np.int64) - zero_point_of(step.inputs[0])
        total = d.sum(1, keepdims=True) if self.centred else np.zeros((rows.rows, 1), np.int64)
        squares = rows.size * (d * d).sum(1, keepdims=True) - total * total  # variance times size squared
        mantissa, half_exponent = inverse_sqrt(np.maximum(squares + folded.eps, 1))
        shift = 29 + half_exponent - FRACTION_BITS
        z = ((rows.size * d - total) * mantissa + (np.int64(1) << (shift - 1))) >> shift
        z = z.reshape(x.shape)
        gamma, beta = (rows.per_element(p.astype(np.int64)) for p in (folded.gamma, folded.beta))
        bits = FRACTION_BITS + folded.shift
        scaled = (z * gamma + (beta << FRACTION_BITS) + (1 << (bits - 1))) >> bits
        return np.clip(scaled + zero_point_of(step.output), -128, 127).astype(np.int8)


def inverse_sqrt(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (mantissa, e) with ``1 / sqrt(x) = mantissa / 2**(29 + e)``, 1 <= x < 2**62. See ``tk_inverse_sqrt``."""
    bits = np.array([int(v).bit_length() for v in x.ravel()], np.int64).reshape(x.shape)
    exponent = bits + (bits & 1)  # even, x = f * 2**exponent with f in 1/4 .. 1
    m = np.where(exponent >= 31, x >> np.maximum(exponent - 31, 0), x << np.maximum(31 - exponent, 0))
    y = 1181116006 - ((m * 5) >> 4)  # 2.2 - 1.25 f
    for _ in range(4):
        y = (y * ((3 << 29) - ((m * ((y * y) >> 29)) >> 31))) >> 30
    return y, exponent >> 1


@dataclass(frozen=True)
class _Folded:
    gamma: np.ndarray  # int16 (groups * channels,), at 2**shift / output scale
    beta: np.ndarray  # int32, alike
    shift: int
    eps: int  # times (row size / input scale)**2


def _parameters(step: Step, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Return gamma and beta, float32, one per channel of every group."""
    count = rows.groups * rows.channels
    found = [np.ones(count, np.float32), np.zeros(count, np.float32)]
    for i, value in enumerate(step.inputs[1:3]):
        assert value.data is not None
        found[i] = value.data.astype(np.float32).ravel()
    return found[0], found[1]


def _fold(step: Step, rows: Rows) -> _Folded:
    if rows.size > LARGEST_ROW:
        raise ToolkitError(
            f"int8 {step.op} over more than {LARGEST_ROW} values", at=step.name, fix="leave it in float"
        )
    gamma, beta = (p.astype(np.float64) / scale_of(step.output) for p in _parameters(step, rows))
    largest = max(float(np.abs(gamma).max()), float(np.abs(beta).max()) / 2**15, 2.0**-15)
    shift = min(max(14 - int(np.frexp(largest)[1]) + 1, 0), 30)
    factors = [
        np.clip(np.rint(p * 2**shift), -limit, limit) for p, limit in ((gamma, 2**15 - 1), (beta, 2**31 - 1))
    ]
    eps = round(min(step.attrs["eps"] * (rows.size / scale_of(step.inputs[0])) ** 2, 2.0**61))
    return _Folded(factors[0].astype(np.int16), factors[1].astype(np.int32), shift, eps)


def norm_cases(op: str, geometries: Iterable[tuple[tuple[int, ...], int, dict[str, Any]]]) -> Iterable[Case]:
    """Yield cases for (input shape, number of channels, attributes)."""
    for kind in KINDS:
        for shape, channels, attrs in geometries:
            for seed, (scale, extreme) in enumerate(((0.05, False), (0.002, False), (0.3, True))):
                rng = np.random.default_rng([*shape, seed])
                x, y = activation("x", shape, kind, scale, -20), activation("y", shape, kind, 0.03, 9)
                gamma = Value("gamma", (channels,), data=rng.normal(1, 0.3, channels).astype(np.float32))
                beta = Value("beta", (channels,), data=rng.normal(0, 0.5, channels).astype(np.float32))
                inputs = [x, gamma, beta][: 3 if seed != 1 else 1]
                if op == "rms_norm":
                    inputs = inputs[:2]
                step = Step(op, "norm", inputs, y, {"eps": 1e-5, **attrs})
                yield Case(case_id(shape, scale, kind), step, [sample(x, seed, extreme=extreme)])
        shape, channels, attrs = next(iter(geometries))
        x, y = activation("x", shape, kind), activation("y", shape, kind, 0.03, 9)
        yield Case(
            case_id("constant", kind),
            Step(op, "norm", [x], y, {"eps": 1e-5, **attrs}),
            [np.full(shape, 7, x.dtype)],
        )
