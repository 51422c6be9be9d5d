"""Operators from ``.tflite`` files at random scales, zero points and shapes, against LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops.litert_builder import options
from tests.program import test_tflite_operators as cases
from tests.program import tflite_files as files
from tests.program.tflite_files import constant, int8
from toolkit.lower.ir import Value

Rng = np.random.Generator
Make = Callable[[Rng], cases.Built]


def _between(rng: Rng, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _few(rng: Rng, low: int, high: int, count: int) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.integers(low, high, count))


def _zero(rng: Rng) -> int:
    return int(rng.integers(-128, 128))


def _rescaled(built: cases.Built, rng: Rng) -> cases.Built:
    """The same operator with other scales and zero points for what has no bias to fit them."""
    operator, inputs, y, table, version = built
    assert isinstance(y, Value)
    moved = [
        int8(v.name, v.shape, _between(rng, 0.01, 0.3), _zero(rng)) if v is not None and v.data is None else v
        for v in inputs
    ]
    return operator, moved, int8("y", y.shape, _between(rng, 0.02, 0.5), _zero(rng)), table, version


def _convolution(rng: Rng, operator: str, groups: int = 1) -> cases.Built:
    channels = groups * int(rng.integers(1, 5))
    filters = (
        channels * int(rng.integers(1, 3)) if operator != "CONV_2D" else groups * int(rng.integers(1, 5))
    )
    height, width, kernel_h, kernel_w = (*_few(rng, 4, 9, 2), *_few(rng, 1, 4, 2))
    return cases._conv(
        rng, operator, (height, width, channels), filters, (kernel_h, kernel_w), groups=groups,
        stride=(int(rng.integers(1, 3)),) * 2, same=bool(rng.random() < 0.5), activation=int(rng.integers(0, 4)),
        scales=(_between(rng, 0.005, 0.5), _between(rng, 0.01, 0.5)),
    )  # fmt: skip


def _transposed(rng: Rng) -> cases.Built:
    kernel, stride = _few(rng, 1, 4, 2)
    out = (int(rng.integers(kernel + stride, 12)), int(rng.integers(kernel + stride, 12)))
    built = cases._transposed(rng, out, kernel, stride, bool(rng.random() < 0.5), with_bias=True)
    assert isinstance(built[2], Value)
    return *built[:2], int8("y", built[2].shape, _between(rng, 0.02, 0.5), _zero(rng)), *built[3:]


def _dense(rng: Rng) -> cases.Built:
    dyadic = rng.random() < 0.3  # sums that fall half-way between integers
    scales = (
        [2.0**n for n in _few(rng, -6, 1, 3)] if dyadic else [_between(rng, 0.005, 0.5) for _ in range(3)]
    )
    rows, depth, channels = (*_few(rng, 1, 40, 2), int(rng.integers(1, 12)))
    activation, per_channel = int(rng.integers(0, 4)), bool(rng.random() < 0.5)
    first, weight, last = scales
    return cases._dense(
        rng,
        (rows, depth),
        channels,
        activation=activation,
        per_channel=per_channel,
        scales=(first, weight, last),
    )


def _pair(rng: Rng, operator: str, name: str) -> cases.Built:
    a, b = _between(rng, 0.005, 0.3), _between(rng, 0.005, 0.3)
    out = a * b * 128 * _between(rng, 0.2, 3) if operator == "MUL" else max(a, b) * _between(rng, 0.5, 3)
    values = [int8(n, (1, 40, 50), s, _zero(rng)) for n, s in (("a", a), ("b", b), ("y", out))]
    return operator, values[:2], values[2], options(name, fusedActivationFunction=int(rng.integers(0, 4))), 2


def _function(
    rng: Rng, operator: str, table: Any = None, version: int = 2, fixed: tuple[float, int] | None = None
) -> cases.Built:
    scale = _between(rng, 0.005, 0.3)
    out = fixed or (scale * _between(rng, 0.2, 5), _zero(rng))
    return operator, [int8("x", (1, 16, 16), scale, _zero(rng))], int8("y", (1, 16, 16), *out), table, version


def _mean(rng: Rng) -> cases.Built:
    axes: tuple[int, ...] = [(1, 2), (3,), (1,), (2, 3)][int(rng.integers(0, 4))]
    return _rescaled(cases._reduced("MEAN", axes, bool(rng.random() < 0.5)), rng)


def _prelu(rng: Rng) -> cases.Built:
    channels = int(rng.integers(1, 9))
    slopes = rng.integers(-128, 128, (1, 1, channels if rng.random() < 0.7 else 1)).astype(np.int8)
    alpha = constant("alpha", slopes, _between(rng, 0.001, 0.02), _zero(rng))
    x = int8("x", (1, 5, 7, channels), _between(rng, 0.01, 0.3), _zero(rng))
    return "PRELU", [x, alpha], int8("y", x.shape, _between(rng, 0.01, 0.3), _zero(rng)), None, 1


def _pooled(rng: Rng, operator: str) -> cases.Built:
    height, width, channels = _few(rng, 4, 10, 3)
    kernel_h, kernel_w, stride_h, stride_w = (*_few(rng, 1, 5, 2), *_few(rng, 1, 4, 2))
    same, activation = bool(rng.random() < 0.6), int(rng.integers(0, 4))
    return cases._pool(
        operator, (height, width, channels), (kernel_h, kernel_w), (stride_h, stride_w), same, activation
    )


def _resized(rng: Rng, operator: str, **fields: bool) -> cases.Built:
    height, width, rows, columns = (*_few(rng, 1, 12, 2), *_few(rng, 1, 20, 2))
    return cases._resized(operator, (height, width), (rows, columns), **fields)


def _matmul(rng: Rng, constant_b: bool) -> cases.Built:
    turned = [bool(n) for n in rng.integers(0, 2, 2)]
    return _rescaled(cases._matmul(rng, *turned, constant_b=constant_b), rng)


MAKERS: dict[str, Make] = {
    "conv": lambda r: _convolution(r, "CONV_2D"),
    "conv-grouped": lambda r: _convolution(r, "CONV_2D", 3),
    "depthwise": lambda r: _convolution(r, "DEPTHWISE_CONV_2D"),
    "transposed": _transposed,
    "dense": _dense,
    "matmul": lambda r: _matmul(r, False),
    "matmul-constant": lambda r: _matmul(r, True),
    "add": lambda r: _pair(r, "ADD", "Add"),
    "sub": lambda r: _pair(r, "SUB", "Sub"),
    "mul": lambda r: _pair(r, "MUL", "Mul"),
    "mean": _mean,
    "average-pool": lambda r: _pooled(r, "AVERAGE_POOL_2D"),
    "max-pool": lambda r: _pooled(r, "MAX_POOL_2D"),
    "nearest": lambda r: _resized(r, "RESIZE_NEAREST_NEIGHBOR", halfPixelCenters=bool(r.random() < 0.5)),
    "bilinear": lambda r: _resized(r, "RESIZE_BILINEAR", halfPixelCenters=True),
    "bilinear-corners": lambda r: _resized(r, "RESIZE_BILINEAR", alignCorners=True),
    "logistic": lambda r: _function(r, "LOGISTIC", fixed=(1 / 256, -128)),
    "tanh": lambda r: _function(r, "TANH", fixed=(1 / 128, 0)),
    "softmax": lambda r: _function(r, "SOFTMAX", options("Softmax", beta=1.0), fixed=(1 / 256, -128)),
    "log-softmax": lambda r: _function(r, "LOG_SOFTMAX", options("LogSoftmax"), fixed=(16 / 256, 127)),
    "hard-swish": lambda r: _function(r, "HARD_SWISH", options("HardSwish"), 1),
    "leaky-relu": lambda r: _function(r, "LEAKY_RELU", options("LeakyRelu", alpha=float(r.uniform(0.01, 0.5)))),
    "gelu": lambda r: _function(r, "GELU", options("Gelu", approximate=bool(r.random() < 0.5))),
    "relu": lambda r: _function(r, "RELU"),
    "relu6": lambda r: _function(r, "RELU6"),
    "relu-n1": lambda r: _function(r, "RELU_N1_TO_1", version=1),
    "requantize": lambda r: _function(r, "QUANTIZE", options("Quantize")),
    "prelu": _prelu,
}  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", MAKERS)
def test_equal_to_litert(name: str, seed: int, tmp_path: Path) -> None:
    operator, inputs, y, table, version = MAKERS[name](np.random.default_rng([seed, len(name)]))
    activations = [v for v in inputs if v is not None and v.data is None]
    model = files.one(operator, inputs, y, table, version)
    files.assert_equal_to_litert(model, tmp_path, files.samples(activations, 6, seed))
