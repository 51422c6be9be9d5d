"""int8 references against LiteRT's reference kernels, which nobody here wrote.

Scales are float32 values, as a ``.tflite`` file stores them. LiteRT's kernels do not round alike: ADD, CONV_2D and
DEPTHWISE_CONV_2D round every product and every shift ("double"), FULLY_CONNECTED rounds once, halves away from zero
("away"). Each step here rounds as LiteRT does, and is compared to the bit.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops import litert_builder as litert
from toolkit.lower.ir import Quantization, Step, Value, per_channel, per_tensor
from toolkit.ops import operators
from toolkit.ops.batch_matmul import matmul_step


def _f32(scale: float) -> float:
    return float(np.float32(scale))


def _int8(name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> Value:
    return Value(name, shape, "int8", per_tensor(_f32(scale), zero_point))


def _random(rng: np.random.Generator, shape: tuple[int, ...], limit: int = 128) -> np.ndarray:
    return rng.integers(-limit, min(limit, 127) + 1, shape).astype(np.int8)


def _reference(step: Step, inputs: list[np.ndarray]) -> np.ndarray:
    return operators()[step.op].reference(step, inputs)


# Layers with weights


def _weighted(
    op: str, x: Value, w_shape: tuple[int, ...], y: Value, exact: bool, seed: int, attrs: dict[str, object]
) -> Step:
    """Return a step with random weights; ``exact`` ones are small, and their scales make rescaling a no-op."""
    rng = np.random.default_rng(seed)
    axis = {"depthwise_conv2d": len(w_shape) - 1}.get(op, 0)
    channels = w_shape[axis]
    assert x.quant is not None
    x_scale = float(x.quant.scale[0])
    scales = np.full(channels, 0.25) if exact else rng.uniform(0.002, 0.02, channels).astype(np.float32)
    y = replace(y, quant=per_tensor(x_scale * 0.25 if exact else 0.07, -9))
    weight = Value(
        "w", w_shape, "int8", per_channel(scales, axis), _random(rng, w_shape, 2 if exact else 127)
    )
    bias = Value("b", (channels,), "int32", data=rng.integers(-40, 40, channels).astype(np.int32))
    rounding: Literal["double", "away"] = "away" if op == "fully_connected" else "double"
    return Step(op, op, [x, weight, bias], y, attrs, rounding=rounding)


def _weighted_model(
    step: Step, operator: str, table: object, version: int, x_shape: tuple[int, ...]
) -> bytes:
    x, weight, bias = step.inputs
    assert x.quant is not None
    assert weight.quant is not None
    bias_scale = (x.quant.scale * weight.quant.scale).astype(np.float32)
    bias_quant = Quantization(bias_scale, np.zeros(len(bias_scale), np.int64), -(2**31), 2**31 - 1, 0)
    if step.op == "depthwise_conv2d":
        assert weight.data is not None
        weight = replace(
            weight, shape=(1, *weight.shape), data=weight.data[None], quant=replace(weight.quant, axis=3)
        )
    inputs = [replace(x, shape=x_shape), weight, replace(bias, quant=bias_quant)]
    return litert.one_op(operator, inputs, step.output, table, version)


GEOMETRIES = [  # input, output channels, kernel, stride, dilation, pads
    ((6, 7, 3), 6, (3, 3), (1, 1), (1, 1), ((1, 1), (1, 1))),
    ((9, 8, 4), 8, (3, 2), (2, 1), (1, 1), ((0, 1), (1, 0))),
    ((5, 5, 8), 16, (1, 1), (1, 1), (1, 1), ((0, 0), (0, 0))),
    ((9, 9, 2), 4, (3, 3), (1, 1), (2, 2), ((2, 2), (2, 2))),
]


@pytest.mark.parametrize("exact", [True, False], ids=["accumulators", "rounded"])
@pytest.mark.parametrize("bounds", [None, (0.0, 6.0)], ids=["linear", "relu6"])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda g: "x".join(map(str, g[0])))
@pytest.mark.parametrize("op", ["conv2d", "depthwise_conv2d"])
def test_convolutions(op: str, geometry: tuple, bounds: tuple[float, float] | None, exact: bool) -> None:
    in_shape, channels, kernel, stride, dilation, pads = geometry
    sizes = [
        (n + sum(pad) - d * (k - 1) - 1) // s + 1
        for n, k, s, d, pad in zip(in_shape[:2], kernel, stride, dilation, pads, strict=True)
    ]
    attrs = {
        "stride": stride,
        "dilation": dilation,
        "pads": pads,
        **({"activation": bounds} if bounds else {}),
    }
    x, y = _int8("x", (1, *in_shape), 0.5, 5), _int8("y", (1, *sizes, channels), 1.0, 0)
    w_shape = (channels, *kernel, in_shape[2]) if op == "conv2d" else (*kernel, channels)
    step = _weighted(op, x, w_shape, y, exact, sum(in_shape), attrs)
    data = _random(np.random.default_rng(1), x.shape, 4 if exact else 128)
    # LiteRT knows SAME and VALID only: pad the input here, with the zero point.
    padded = np.pad(data, ((0, 0), *pads, (0, 0)), constant_values=5)
    fields = {
        "padding": litert.schema.Padding.VALID,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": litert.activation_function(bounds),
    }
    if op == "conv2d":
        model = _weighted_model(step, "CONV_2D", litert.options("Conv2D", **fields), 3, padded.shape)
    else:
        table = litert.options("DepthwiseConv2D", depthMultiplier=channels // in_shape[2], **fields)
        model = _weighted_model(step, "DEPTHWISE_CONV_2D", table, 3, padded.shape)
    np.testing.assert_array_equal(_reference(step, [data]), litert.run_reference(model, [padded]))


@pytest.mark.parametrize("bounds", [None, (0.0, np.inf)], ids=["linear", "relu"])
@pytest.mark.parametrize(("rows", "depth", "channels"), [(1, 64, 10), (50, 33, 7), (200, 5, 1)])
def test_fully_connected(rows: int, depth: int, channels: int, bounds: tuple[float, float] | None) -> None:
    x, y = _int8("x", (rows, depth), 0.5, 5), _int8("y", (rows, channels), 1.0, 0)
    attrs: dict[str, object] = {"activation": bounds} if bounds else {}
    step = _weighted("fully_connected", x, (channels, depth), y, False, depth, attrs)
    table = litert.options("FullyConnected", fusedActivationFunction=litert.activation_function(bounds))
    model = _weighted_model(step, "FULLY_CONNECTED", table, 4, x.shape)
    data = _random(np.random.default_rng(2), x.shape)
    np.testing.assert_array_equal(_reference(step, [data]), litert.run_reference(model, [data]))


# Elementwise


@pytest.mark.parametrize("bounds", [None, (0.0, 6.0), (-1.0, 1.0)], ids=["linear", "relu6", "relu1"])
@pytest.mark.parametrize(
    ("scales", "zero_points"),
    [
        ((0.05, 0.05, 0.05), (0, 0, 0)),
        ((0.05, 0.05, 0.1), (3, -7, 11)),  # sums half-way between integers
        ((0.25, 0.125, 0.5), (-128, 127, 0)),
        ((0.031, 0.07, 0.09), (-128, -128, -128)),
        ((0.0003, 0.9, 0.7), (127, 5, -60)),
        ((1.7, 0.012, 0.43), (9, 9, 9)),
    ],
)
def test_add_of_every_pair(
    scales: tuple[float, ...], zero_points: tuple[int, ...], bounds: tuple[float, float] | None
) -> None:
    grid = np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))
    a, b = (side.astype(np.int8) for side in grid)
    values = [_int8(n, a.shape, s, z) for n, s, z in zip("aby", scales, zero_points, strict=True)]
    step = Step("add", "add", values[:2], values[2], {"activation": bounds} if bounds else {})
    table = litert.options("Add", fusedActivationFunction=litert.activation_function(bounds))
    model = litert.one_op("ADD", values[:2], values[2], table, 2)
    np.testing.assert_array_equal(_reference(step, [a, b]), litert.run_reference(model, [a, b]))


@pytest.mark.parametrize("seed", range(20))
def test_add_at_random_scales(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scale_a, scale_b = np.exp(rng.uniform(-7, 2, 2))
    scale_y = max(scale_a, scale_b) * rng.uniform(0.3, 2)
    zero_points = rng.integers(-128, 128, 3)
    shape = (256, 256)
    values = [
        _int8(n, shape, s, int(z))
        for n, s, z in zip("aby", (scale_a, scale_b, scale_y), zero_points, strict=True)
    ]
    a, b = (side.astype(np.int8) for side in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128)))
    model = litert.one_op("ADD", values[:2], values[2], litert.options("Add", fusedActivationFunction=0), 2)
    out = _reference(Step("add", "add", values[:2], values[2]), [a, b])
    np.testing.assert_array_equal(out, litert.run_reference(model, [a, b]))


@pytest.mark.parametrize(("operator", "bounds"), [("RELU", (0.0, np.inf)), ("RELU6", (0.0, 6.0))])
def test_relu(operator: str, bounds: tuple[float, float]) -> None:
    x, y = _int8("x", (1, 256), 0.047, -12), _int8("y", (1, 256), 0.047, -12)
    data = np.arange(-128, 128, dtype=np.int8)[None]
    model = litert.one_op(operator, [x], y, version=2)
    out = _reference(Step("relu", "act", [x], y, {"activation": bounds}), [data])
    np.testing.assert_array_equal(out, litert.run_reference(model, [data]))


# Windows


@pytest.mark.parametrize(
    ("shape", "kernel", "stride", "pad", "size"),
    [
        ((6, 8, 5), (2, 2), (2, 2), None, (3, 4)),
        ((7, 5, 3), (3, 3), (2, 1), None, (3, 3)),
        ((25, 5, 64), (25, 5), (1, 1), None, (1, 1)),
        ((7, 5, 4), (3, 3), (1, 1), (1, 1), (7, 5)),
        ((7, 7, 2), (3, 3), (2, 2), (1, 1), (4, 4)),
        ((6, 6, 2), (3, 3), (2, 2), (0, 0), (3, 3)),  # SAME with padding only at the far edges
    ],
)
@pytest.mark.parametrize("op", ["avg_pool2d", "max_pool2d"])
def test_pooling(
    op: str,
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pad: tuple[int, int] | None,
    size: tuple[int, int],
) -> None:
    x, y = _int8("x", (1, *shape), 0.05, 17), _int8("y", (1, *size, shape[2]), 0.05, 17)
    step = Step(op, "pool", [x], y, {"kernel": kernel, "stride": stride, "pad": pad or (0, 0)})
    padding = litert.schema.Padding.VALID if pad is None else litert.schema.Padding.SAME
    table = litert.options(
        "Pool2D",
        padding=padding,
        filterHeight=kernel[0],
        filterWidth=kernel[1],
        strideH=stride[0],
        strideW=stride[1],
        fusedActivationFunction=0,
    )
    operator = "AVERAGE_POOL_2D" if op == "avg_pool2d" else "MAX_POOL_2D"
    data = _random(np.random.default_rng(3), x.shape)
    expected = litert.run_reference(litert.one_op(operator, [x], y, table, 2), [data])
    np.testing.assert_array_equal(_reference(step, [data]), expected)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("turned", [False, True])
def test_batch_matmul(seed: int, turned: bool) -> None:
    rng = np.random.default_rng(seed)
    scales, zeros = rng.uniform(0.01, 0.1, 2), rng.integers(-128, 128, 3)
    a, b = _int8("a", (2, 7, 30), scales[0], int(zeros[0])), _int8("b", (2, 30, 9), scales[1], int(zeros[1]))
    y = _int8("y", (2, 7, 9), float(rng.uniform(0.05, 2)), int(zeros[2]))
    inputs = [_random(rng, a.shape), _random(rng, b.shape)]
    step = replace(matmul_step("batch_matmul", a, b), output=y, rounding="double")
    given = (replace(b, shape=(2, 9, 30)), inputs[1].transpose(0, 2, 1)) if turned else (b, inputs[1])
    table = litert.options("BatchMatMul", adjX=False, adjY=turned)
    expected = litert.run_reference(
        litert.one_op("BATCH_MATMUL", [a, given[0]], y, table, 2), [inputs[0], given[1]]
    )
    np.testing.assert_array_equal(_reference(step, inputs), expected)


# Along an axis


@pytest.mark.parametrize("depth", [1, 2, 3, 10, 100, 500])  # from 512 equal values on, LiteRT aborts
@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.05, 0.11, 0.25, 0.7, 3.0, 50.0])
def test_softmax(scale: float, depth: int) -> None:
    rng = np.random.default_rng([depth, int(scale * 1e4)])
    data = _random(rng, (3000 // depth + 4, depth))
    data[0], data[1, 0] = -128, 127
    data[2:] //= rng.integers(1, 40, (len(data) - 2, 1)).astype(np.int8)
    x, y = _int8("x", data.shape, scale, -3), _int8("y", data.shape, 1 / 256, -128)
    model = litert.one_op("SOFTMAX", [x], y, litert.options("Softmax", beta=1.0), 2)
    out = _reference(Step("softmax", "softmax", [x], y, {"axis": 1}), [data])
    np.testing.assert_array_equal(out, litert.run_reference(model, [data]))


@pytest.mark.parametrize("depth", [1, 2, 10, 100, 400])
@pytest.mark.parametrize("scale", [1e-4, 0.003, 0.05, 0.11, 0.3, 0.7, 1.7, 3.0, 50.0])
def test_log_softmax(scale: float, depth: int) -> None:
    rng = np.random.default_rng([depth, int(scale * 1e4)])
    data = _random(rng, (3000 // depth + 4, depth))
    data[0], data[1, 0] = -128, 127
    data[2:] //= rng.integers(1, 40, (len(data) - 2, 1)).astype(np.int8)
    x, y = _int8("x", data.shape, scale, -3), _int8("y", data.shape, 1 / 16, 127)
    model = litert.one_op("LOG_SOFTMAX", [x], y, litert.options("LogSoftmax"), 2)
    out = _reference(Step("log_softmax", "log_softmax", [x], y, {"axis": 1}), [data])
    np.testing.assert_array_equal(out, litert.run_reference(model, [data]))


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_concat(axis: int) -> None:
    rng = np.random.default_rng(axis)
    shapes = [[1, 3, 4, 5] for _ in range(3)]
    for i, shape in enumerate(shapes):
        shape[axis] = i + 1
    values = [_int8(f"x{i}", tuple(shape), 0.05, 3) for i, shape in enumerate(shapes)]
    out_shape = [1, 3, 4, 5]
    out_shape[axis] = 6
    y = _int8("y", tuple(out_shape), 0.05, 3)
    inputs = [_random(rng, value.shape) for value in values]
    table = litert.options("Concatenation", axis=axis, fusedActivationFunction=0)
    expected = litert.run_reference(litert.one_op("CONCATENATION", values, y, table, 2), inputs)
    np.testing.assert_array_equal(
        _reference(Step("concat", "cat", values, y, {"axis": axis}), inputs), expected
    )


def test_argmax_with_ties() -> None:
    data = np.concatenate(
        [_random(np.random.default_rng(4), (40, 9)), _random(np.random.default_rng(5), (40, 9), 1)]
    )
    x, y = _int8("x", data.shape, 0.05, 3), Value("y", (80,), "int32")
    axis = Value("axis", (1,), "int32", data=np.array([1], np.int32))
    table = litert.options("ArgMax", outputType=litert.schema.TensorType.INT32)
    expected = litert.run_reference(litert.one_op("ARG_MAX", [x, axis], y, table, 2), [data])
    np.testing.assert_array_equal(_reference(Step("argmax", "argmax", [x], y, {"axis": 1}), [data]), expected)


def test_permute_and_pad() -> None:
    data = _random(np.random.default_rng(6), (1, 3, 4, 5))
    x, y = _int8("x", data.shape, 0.05, 3), _int8("y", (1, 4, 5, 3), 0.05, 3)
    dims = Value("dims", (4,), "int32", data=np.array([0, 2, 3, 1], np.int32))
    expected = litert.run_reference(
        litert.one_op("TRANSPOSE", [x, dims], y, litert.options("Transpose"), 2), [data]
    )
    np.testing.assert_array_equal(
        _reference(Step("permute", "p", [x], y, {"dims": (0, 2, 3, 1)}), [data]), expected
    )
    pads = ((0, 0), (1, 2), (3, 0), (0, 0))
    y = _int8("y", (1, 6, 7, 5), 0.05, 3)
    paddings = Value("paddings", (4, 2), "int32", data=np.array(pads, np.int32))
    expected = litert.run_reference(litert.one_op("PAD", [x, paddings], y, litert.options("Pad"), 2), [data])
    attrs = {"pads": pads, "value": 0.0}
    np.testing.assert_array_equal(_reference(Step("pad", "pad", [x], y, attrs), [data]), expected)
