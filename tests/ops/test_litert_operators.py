"""More int8 references against LiteRT's reference kernels: arithmetic, reductions, resizing, movement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops import litert_builder as litert
from toolkit.lower.ir import Quantization, Step, Value, per_channel, per_tensor
from toolkit.ops import operators

VERSIONS = dict.fromkeys(("RESIZE_NEAREST_NEIGHBOR", "RESIZE_BILINEAR", "CONV_2D", "TRANSPOSE_CONV"), 3)
VERSIONS |= {"TILE": 1, "DEPTH_TO_SPACE": 1}  # 2 for the others
PAIRS = [side.astype(np.int8) for side in np.meshgrid(np.arange(-128, 128), np.arange(-128, 128))]
SCALES = [
    ((0.05, 0.03, 0.06), (3, -7, 1)),
    ((0.5, 0.03, 0.06), (0, 0, 0)),
    ((0.005, 1.3, 0.006), (-128, 127, 9)),
    ((0.7, 0.013, 1.6), (-128, -128, 9)),
    ((0.75, 0.5, 1.0), (0, 0, 0)),  # halves
    ((0.7, 0.013, 0.03), (-128, -128, 9)),
]


def _int8(name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> Value:
    return Value(name, shape, "int8", per_tensor(float(np.float32(scale)), zero_point))


def _random(shape: tuple[int, ...], *seed: int) -> np.ndarray:
    return np.random.default_rng([*shape, *seed]).integers(-128, 128, shape).astype(np.int8)


def _constant(name: str, numbers: Any) -> Value:
    data = np.array(numbers, np.int32)
    return Value(name, data.shape, "int32", data=data)


def _check(step: Step, operator: str, inputs: list[Value], table: Any, data: list[np.ndarray]) -> None:
    step.rounding = "double"
    expected = litert.run_reference(
        litert.one_op(operator, inputs, step.output, table, VERSIONS.get(operator, 2)), data
    )
    np.testing.assert_array_equal(operators()[step.op].reference(step, data), expected)


@pytest.mark.parametrize("bounds", [None, (0.0, 6.0)], ids=["linear", "relu6"])
@pytest.mark.parametrize(("scales", "zero_points"), SCALES)
@pytest.mark.parametrize("op", ["sub", "mul"])
def test_every_pair(
    op: str,
    scales: tuple[float, ...],
    zero_points: tuple[int, ...],
    bounds: tuple[float, float] | None,
) -> None:
    a, b, y = (_int8(n, (256, 256), s, z) for n, s, z in zip("aby", scales, zero_points, strict=True))
    table = litert.options(op.capitalize(), fusedActivationFunction=litert.activation_function(bounds))
    step = Step(op, op, [a, b], y, {"activation": bounds} if bounds else {})
    _check(step, op.upper(), [a, b], table, PAIRS)


@pytest.mark.parametrize(("scales", "zero_points"), SCALES)
def test_every_quotient(scales: tuple[float, ...], zero_points: tuple[int, ...]) -> None:
    """LiteRT refuses a division by zero, and shifts a small dividend by more than 31 bits, which C leaves open."""
    bits = 8 - int(np.frexp(scales[0] / (scales[1] * scales[2]))[1])
    wide = np.abs(PAIRS[0].astype(int) - zero_points[0]) >= 2.0**bits
    kept = wide & (PAIRS[1] != zero_points[1])
    data = [side[kept][None] for side in PAIRS]
    a, b, y = (_int8(n, data[0].shape, s, z) for n, s, z in zip("aby", scales, zero_points, strict=True))
    table = litert.options("Div", fusedActivationFunction=0)
    _check(Step("div", "div", [a, b], y), "DIV", [a, b], table, data)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "minimum", "maximum"])
@pytest.mark.parametrize(
    "shapes", [((1, 4, 3, 6), (1, 1, 1, 6)), ((1, 1, 3, 1), (2, 4, 1, 5)), ((1, 4, 3, 6), (1, 4, 3, 1))]
)
def test_operands_repeat(op: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    scale = 0.05 if "imum" in op else 0.03
    a, b = _int8("a", shapes[0], 0.05, 7), _int8("b", shapes[1], scale, 7 if "imum" in op else -90)
    y = _int8("y", np.broadcast_shapes(*shapes), 0.05, 7)
    data = [_random(a.shape, 1), _random(b.shape, 2)]
    data[0] = np.where(np.abs(data[0].astype(int) - 7) < 3, 50, data[0]).astype(np.int8)
    data[1] = np.where(data[1] == -90, 50, data[1]).astype(np.int8)
    name = "MaximumMinimum" if "imum" in op else op.capitalize()
    table = litert.options(name) if "imum" in op else litert.options(name, fusedActivationFunction=0)
    _check(Step(op, op, [a, b], y), op.upper(), [a, b], table, data)


REDUCTIONS = [
    ((1, 7, 7, 30), (1, 2)),
    ((1, 7, 7, 30), (3,)),
    ((2, 5, 6, 7), (1, 3)),
    ((3, 25), (0,)),
    ((1, 9, 9, 9), (0, 1, 2, 3)),
    ((64, 300), (0,)),
]


@pytest.mark.parametrize(
    ("scales", "zero_points"),
    [((0.05, 0.05), (3, 3)), ((0.05, 0.02), (-7, 4)), ((0.013, 0.031), (-128, 100))],
)
@pytest.mark.parametrize(("shape", "axes"), REDUCTIONS)
def test_mean(
    shape: tuple[int, ...], axes: tuple[int, ...], scales: tuple[float, float], zero_points: tuple[int, int]
) -> None:
    out = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    x, y = _int8("x", shape, scales[0], zero_points[0]), _int8("y", out, scales[1], zero_points[1])
    table = litert.options("Reducer", keepDims=True)
    step = Step("mean", "mean", [x], y, {"axes": axes})
    _check(step, "MEAN", [x, _constant("axes", axes)], table, [_random(shape)])


@pytest.mark.parametrize(("op", "operator"), [("amax", "REDUCE_MAX"), ("amin", "REDUCE_MIN")])
@pytest.mark.parametrize(("shape", "axes"), REDUCTIONS)
def test_extremes(op: str, operator: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> None:
    out = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    x, y = _int8("x", shape, 0.05, 3), _int8("y", out, 0.05, 3)
    table = litert.options("Reducer", keepDims=True)
    step = Step(op, op, [x], y, {"axes": axes})
    _check(step, operator, [x, _constant("axes", axes)], table, [_random(shape)])


@pytest.mark.parametrize("flags", [(False, False), (True, False), (False, True)])
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((3, 4, 5), (6, 8)),
        ((5, 7, 2), (8, 3)),
        ((1, 4, 3), (1, 9)),
        ((13, 17, 3), (31, 40)),
        ((31, 40, 3), (13, 17)),
    ],
)
@pytest.mark.parametrize(
    ("op", "operator", "options"),
    [
        ("resize_nearest", "RESIZE_NEAREST_NEIGHBOR", "ResizeNearestNeighbor"),
        ("resize_bilinear", "RESIZE_BILINEAR", "ResizeBilinear"),
    ],
)
def test_resize(
    op: str,
    operator: str,
    options: str,
    shape: tuple[int, int, int],
    size: tuple[int, int],
    flags: tuple[bool, bool],
) -> None:
    x, y = _int8("x", (1, *shape), 0.05, 3), _int8("y", (1, *size, shape[2]), 0.05, 3)
    table = litert.options(options, halfPixelCenters=flags[0], alignCorners=flags[1])
    attrs = {"half_pixel": flags[0], "corners": flags[1], "scales": (0.0, 0.0)}
    _check(Step(op, op, [x], y, attrs), operator, [x, _constant("size", size)], table, [_random(x.shape)])


@pytest.mark.parametrize(
    ("kernel", "stride", "pads"),
    [
        ((3, 3), (1, 1), ((0, 0), (0, 0))),
        ((3, 2), (2, 2), ((0, 0), (0, 0))),
        ((3, 3), (2, 2), ((0, 1), (0, 1))),  # SAME
        ((4, 4), (2, 2), ((1, 1), (1, 1))),  # SAME
    ],
)
def test_transposed_convolution(
    kernel: tuple[int, int], stride: tuple[int, int], pads: tuple[tuple[int, int], tuple[int, int]]
) -> None:
    rng = np.random.default_rng(sum(kernel))
    shape, channels = (9, 11, 8), 5
    sizes = [(n - 1) * s + k - sum(p) for n, k, s, p in zip(shape, kernel, stride, pads, strict=False)]
    x, y = _int8("x", (1, *shape), 0.05, 5), _int8("y", (1, *sizes, channels), 0.9, -9)
    step = Step("conv_transpose2d", "up", [x, *_weights(rng, x, (channels, *kernel, 8))], y)
    step.attrs = {"stride": stride, "dilation": (1, 1), "pads": pads}
    padding = litert.schema.Padding.SAME if any(map(any, pads)) else litert.schema.Padding.VALID
    table = litert.options("TransposeConv", padding=padding, strideH=stride[0], strideW=stride[1])
    inputs = [_constant("shape", y.shape), step.inputs[1], x, step.inputs[2]]
    _check(step, "TRANSPOSE_CONV", inputs, table, [_random(x.shape)])


def test_grouped_convolution() -> None:
    x, y = _int8("x", (1, 14, 15, 8), 0.05, 5), _int8("y", (1, 12, 13, 6), 0.9, -9)
    weights = _weights(np.random.default_rng(0), x, (6, 3, 3, 4))
    attrs = {"stride": (1, 1), "dilation": (1, 1), "pads": ((0, 0), (0, 0)), "groups": 2}
    ones = dict.fromkeys(("strideH", "strideW", "dilationHFactor", "dilationWFactor"), 1)
    table = litert.options("Conv2D", padding=litert.schema.Padding.VALID, **ones)
    step = Step("grouped_conv2d", "conv", [x, *weights], y, attrs)
    _check(step, "CONV_2D", step.inputs, table, [_random(x.shape)])


def _weights(rng: np.random.Generator, x: Value, shape: tuple[int, ...]) -> tuple[Value, Value]:
    scales = rng.uniform(0.002, 0.02, shape[0]).astype(np.float32)
    weight = Value("w", shape, "int8", per_channel(scales, 0), rng.integers(-127, 128, shape).astype(np.int8))
    assert x.quant is not None
    bias_scales = (x.quant.scale * scales).astype(np.float32)
    quant = Quantization(bias_scales, np.zeros(shape[0], np.int64), -(2**31), 2**31 - 1, 0)
    bias = rng.integers(-2000, 2000, shape[0]).astype(np.int32)
    return weight, Value("b", bias.shape, "int32", quant, bias)


def _moves(name: str, op: str, shape: tuple[int, ...], out: tuple[int, ...], attrs: dict[str, Any]) -> Step:
    return Step(op, name, [_int8("x", shape, 0.05, 3)], _int8("y", out, 0.05, 3), attrs)


def test_strided_slice_backwards() -> None:
    attrs = {"start": (0, 4, 0, 5), "count": (1, 3, 3, 6), "step": (1, -2, 1, -1)}
    step = _moves("slice", "slice", (1, 5, 3, 6), (1, 3, 3, 6), attrs)
    ends = [
        _constant("begin", (0, 4, 0, 5)),
        _constant("end", (1, -6, 3, -7)),
        _constant("by", (1, -2, 1, -1)),
    ]
    table = litert.options(
        "StridedSlice", beginMask=0, endMask=0, ellipsisMask=0, newAxisMask=0, shrinkAxisMask=0
    )
    _check(step, "STRIDED_SLICE", [step.inputs[0], *ends], table, [_random((1, 5, 3, 6))])


def test_gather_and_tile() -> None:
    step = _moves("take", "take", (2, 5, 3), (2, 4, 3), {"axis": 1, "index": (4, 0, 0, 2)})
    index = _constant("index", (4, 0, 0, 2))
    table = litert.options("Gather", axis=1, batchDims=0)
    _check(step, "GATHER", [step.inputs[0], index], table, [_random((2, 5, 3))])
    step = _moves("tile", "expand", (2, 5, 3), (4, 5, 9), {"times": (2, 1, 3)})
    _check(step, "TILE", [step.inputs[0], _constant("times", (2, 1, 3))], None, [_random((2, 5, 3))])


def test_blocks() -> None:
    attrs = {"block": 2, "channel_first": False}
    step = _moves("up", "depth_to_space", (1, 3, 4, 12), (1, 6, 8, 3), attrs)
    table = litert.options("DepthToSpace", blockSize=2)
    _check(step, "DEPTH_TO_SPACE", step.inputs, table, [_random((1, 3, 4, 12))])
    step = _moves("down", "space_to_depth", (1, 6, 8, 3), (1, 3, 4, 12), attrs)
    table = litert.options("SpaceToDepth", blockSize=2)
    _check(step, "SPACE_TO_DEPTH", step.inputs, table, [_random((1, 6, 8, 3))])
