"""Every operator that is read from a ``.tflite`` file, against LiteRT's reference kernels, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops.litert_builder import options, schema
from tests.program import tflite_files as files
from tests.program.tflite_files import constant, int8
from toolkit.lower.ir import Value

Built = tuple[str, Sequence[Value | None], Value | list[Value], Any, int]
CASES: dict[str, Callable[[np.random.Generator], Built]] = {}
RELU, RELU6, RELU1 = 1, 3, 2


def case(
    name: str,
) -> Callable[[Callable[[np.random.Generator], Built]], Callable[[np.random.Generator], Built]]:
    """Add what the decorated function builds to the cases."""

    def add(build: Callable[[np.random.Generator], Built]) -> Callable[[np.random.Generator], Built]:
        CASES[name] = build
        return build

    return add


@pytest.mark.parametrize("name", CASES)
def test_equal_to_litert(name: str, tmp_path: Path) -> None:
    operator, inputs, outputs, table, version = CASES[name](np.random.default_rng(len(name)))
    model = files.one(operator, inputs, outputs, table, version)
    activations = [v for v in inputs if v is not None and v.data is None]
    count = 20 if max(v.size for v in activations) > 2000 else 60
    steps = files.assert_equal_to_litert(model, tmp_path, files.samples(activations, count))
    integers = all(v.dtype == "int8" for v in activations)
    assert not integers or not any(step.op in ("quantize", "dequantize") for step in steps.steps), steps


def _all(values: list[Built], names: list[str], prefix: str) -> None:
    for name, built in zip(names, values, strict=True):
        CASES[f"{prefix}-{name}"] = lambda _, built=built: built


# Layers with weights


def _conv(
    rng: np.random.Generator,
    operator: str,
    x_shape: tuple[int, int, int],
    channels: int,
    kernel: tuple[int, int],
    *,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    same: bool = True,
    activation: int = 0,
    groups: int = 1,
    per_tensor: bool = False,
    scales: tuple[float, float] = (0.05, 0.11),
) -> Built:
    x = int8("x", (1, *x_shape), scales[0], 5)
    size = [
        -(-n // s) if same else (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x_shape[:2], kernel, stride, dilation, strict=True)
    ]
    y = int8("y", (1, *size, channels), scales[1], -9)
    depthwise = operator == "DEPTHWISE_CONV_2D"
    shape = (1, *kernel, channels) if depthwise else (channels, *kernel, x_shape[2] // groups)
    data = rng.integers(-127, 128, shape).astype(np.int8)
    axis = 3 if depthwise else 0
    weight_scales = rng.uniform(0.001, 0.02, 1 if per_tensor else channels)
    weight = (
        constant("w", data, float(weight_scales[0]))
        if per_tensor
        else files.per_channel_weight("w", data, weight_scales, axis)
    )
    b = files.bias("b", rng.integers(-3000, 3000, channels), x, weight)
    fields = {
        "padding": schema.Padding.SAME if same else schema.Padding.VALID,
        "strideH": stride[0],
        "strideW": stride[1],
        "dilationHFactor": dilation[0],
        "dilationWFactor": dilation[1],
        "fusedActivationFunction": activation,
    }
    if depthwise:
        table = options("DepthwiseConv2D", depthMultiplier=channels // x_shape[2], **fields)
    else:
        table = options("Conv2D", **fields)
    return operator, [x, weight, b], y, table, 3


CASES["conv-same"] = lambda r: _conv(r, "CONV_2D", (7, 6, 3), 5, (3, 3))
CASES["conv-same-stride2"] = lambda r: _conv(
    r, "CONV_2D", (8, 8, 4), 6, (3, 3), stride=(2, 2), activation=RELU6
)
CASES["conv-valid-relu"] = lambda r: _conv(r, "CONV_2D", (9, 6, 2), 4, (3, 2), same=False, activation=RELU)
CASES["conv-dilated"] = lambda r: _conv(r, "CONV_2D", (9, 9, 2), 4, (3, 3), dilation=(2, 2), activation=RELU1)
CASES["conv-pointwise"] = lambda r: _conv(r, "CONV_2D", (5, 5, 8), 16, (1, 1))
CASES["conv-per-tensor"] = lambda r: _conv(r, "CONV_2D", (5, 5, 3), 4, (3, 3), per_tensor=True)
CASES["conv-grouped"] = lambda r: _conv(r, "CONV_2D", (6, 6, 8), 12, (3, 3), groups=4)
CASES["conv-enlarging"] = lambda r: _conv(r, "CONV_2D", (4, 4, 1), 3, (1, 1), scales=(2.0, 0.01))
CASES["depthwise"] = lambda r: _conv(r, "DEPTHWISE_CONV_2D", (7, 6, 8), 8, (3, 3), activation=RELU)
CASES["depthwise-multiplier"] = lambda r: _conv(r, "DEPTHWISE_CONV_2D", (6, 5, 3), 6, (3, 3), stride=(2, 2))
CASES["depthwise-valid-dilated"] = lambda r: _conv(
    r, "DEPTHWISE_CONV_2D", (9, 9, 4), 4, (3, 3), same=False, dilation=(2, 2)
)


def _transposed(
    rng: np.random.Generator, out: tuple[int, int], kernel: int, stride: int, same: bool, with_bias: bool
) -> Built:
    size = [-(-n // stride) if same else (n - kernel) // stride + 1 for n in out]
    x, y = int8("x", (1, *size, 3), 0.05, 5), int8("y", (1, *out, 4), 0.11, -9)
    data = rng.integers(-127, 128, (4, kernel, kernel, 3)).astype(np.int8)
    weight = files.per_channel_weight("w", data, rng.uniform(0.001, 0.02, 4), 0)
    sizes = constant("sizes", np.array(y.shape, np.int32))
    b = [files.bias("b", rng.integers(-3000, 3000, 4), x, weight)] if with_bias else []
    padding = schema.Padding.SAME if same else schema.Padding.VALID
    table = options("TransposeConv", padding=padding, strideH=stride, strideW=stride)
    return "TRANSPOSE_CONV", [sizes, weight, x, *b], y, table, 3


CASES["transposed-same"] = lambda r: _transposed(r, (8, 6), 3, 2, True, True)
CASES["transposed-valid"] = lambda r: _transposed(r, (9, 7), 3, 2, False, True)
CASES["transposed-even"] = lambda r: _transposed(r, (8, 8), 4, 2, True, False)
CASES["transposed-gaps"] = lambda r: _transposed(r, (9, 9), 2, 3, True, True)


def _dense(
    rng: np.random.Generator,
    x_shape: tuple[int, ...],
    channels: int,
    *,
    activation: int = 0,
    per_channel: bool = False,
    keep: bool = False,
    scales: tuple[float, float, float] = (0.05, 0.007, 0.11),
) -> Built:
    x = int8("x", x_shape, scales[0], 5)
    depth = x_shape[-1]
    y_shape = (*x_shape[:-1], channels) if keep else (int(np.prod(x_shape[:-1])), channels)
    y = int8("y", y_shape, scales[2], -9)
    data = rng.integers(-127, 128, (channels, depth)).astype(np.int8)
    weight = (
        files.per_channel_weight("w", data, rng.uniform(0.001, 0.02, channels), 0)
        if per_channel
        else constant("w", data, scales[1])
    )
    b = files.bias("b", rng.integers(-3000, 3000, channels), x, weight)
    table = options("FullyConnected", fusedActivationFunction=activation, keepNumDims=keep)
    return "FULLY_CONNECTED", [x, weight, b], y, table, 5


CASES["dense"] = lambda r: _dense(r, (1, 64), 10)
CASES["dense-relu-rows"] = lambda r: _dense(r, (7, 33), 5, activation=RELU)
CASES["dense-per-channel"] = lambda r: _dense(r, (1, 40), 9, per_channel=True)
CASES["dense-keeps-axes"] = lambda r: _dense(r, (1, 3, 20), 6, keep=True)
CASES["dense-from-image"] = lambda r: _dense(r, (1, 2, 3, 20), 6)
CASES["dense-halves"] = lambda r: _dense(
    r, (50, 3), 4, scales=(0.5, 0.25, 1.0)
)  # sums half-way between integers
CASES["dense-coarse-halves"] = lambda r: _dense(r, (50, 8), 4, scales=(0.5, 0.25, 32.0))


def _int4(built: Built) -> Built:
    """The same layer with weights of four bits."""
    operator, (x, weight, b), y, table, _ = built
    assert weight is not None
    assert weight.data is not None
    weight = replace(weight, dtype="int4", data=(weight.data // 19).astype(np.int8))
    return (
        operator,
        [x, weight, b],
        y,
        table,
        {"CONV_2D": 6, "DEPTHWISE_CONV_2D": 6, "FULLY_CONNECTED": 10}[operator],
    )


CASES["conv-int4"] = lambda r: _int4(_conv(r, "CONV_2D", (7, 6, 3), 5, (3, 3)))
CASES["depthwise-int4"] = lambda r: _int4(_conv(r, "DEPTHWISE_CONV_2D", (7, 6, 8), 8, (3, 3)))
CASES["dense-int4"] = lambda r: _int4(_dense(r, (1, 63), 10))
CASES["dense-int4-per-channel"] = lambda r: _int4(_dense(r, (1, 64), 10, per_channel=True))


def _matmul(rng: np.random.Generator, turn_a: bool, turn_b: bool, constant_b: bool = False) -> Built:
    a = int8("a", (2, 5, 4) if turn_a else (2, 4, 5), 0.05, 5)
    shape = (6, 5) if turn_b else (5, 6)
    b = (
        constant("b", rng.integers(-127, 128, shape).astype(np.int8), 0.01)
        if constant_b
        else int8("b", (2, *shape), 0.03, -7)
    )
    return (
        "BATCH_MATMUL",
        [a, b],
        int8("y", (2, 4, 6), 0.06, 1),
        options("BatchMatMul", adjX=turn_a, adjY=turn_b),
        3,
    )


CASES["matmul"] = lambda r: _matmul(r, False, False)
CASES["matmul-turned-b"] = lambda r: _matmul(r, False, True)
CASES["matmul-turned-a"] = lambda r: _matmul(r, True, False)
CASES["matmul-constant"] = lambda r: _matmul(r, False, False, constant_b=True)
CASES["matmul-constant-turned"] = lambda r: _matmul(r, True, True, constant_b=True)


# Arithmetic

SCALINGS = [(0.05, 0.013, 0.06), (0.25, 0.125, 0.5), (0.9, 0.0031, 0.4)]
ZEROS = [(3, -7, 11), (-128, 127, 0), (9, 9, 9)]
for kind, table_name, factor in (("ADD", "Add", 1.0), ("SUB", "Sub", 1.0), ("MUL", "Mul", 8.0)):
    for i, (s, z) in enumerate(zip(SCALINGS, ZEROS, strict=True)):
        for activation in (0, RELU, RELU6):

            def _pairs(
                _: Any,
                kind: str = kind,
                table_name: str = table_name,
                factor: float = factor,
                s: tuple[float, ...] = s,
                z: tuple[int, ...] = z,
                activation: int = activation,
            ) -> Built:
                a, b = int8("a", (1, 40, 50), s[0], z[0]), int8("b", (1, 40, 50), s[1], z[1])
                y = int8("y", (1, 40, 50), s[2] * factor, z[2])
                return kind, [a, b], y, options(table_name, fusedActivationFunction=activation), 2

            CASES[f"{kind.lower()}-{i}-{activation}"] = _pairs


def _broadcast(kind: str, b_shape: tuple[int, ...], data: np.random.Generator | None = None) -> Built:
    a = int8("a", (1, 4, 5, 6), 0.05, 7)
    b = int8("b", b_shape, 0.03, -20)
    if data is not None:
        b = constant("b", data.integers(-128, 128, b_shape).astype(np.int8), 0.03, -20)
    name = {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}[kind]
    return kind, [a, b], int8("y", (1, 4, 5, 6), 0.07, -3), options(name, fusedActivationFunction=0), 2


for kind in ("ADD", "SUB", "MUL"):
    CASES[f"{kind.lower()}-channel"] = lambda _, kind=kind: _broadcast(kind, (1, 1, 1, 6))
    CASES[f"{kind.lower()}-constant"] = lambda r, kind=kind: _broadcast(kind, (6,), r)
    CASES[f"{kind.lower()}-number"] = lambda r, kind=kind: _broadcast(kind, (), r)


@case("div")
def _div(rng: np.random.Generator) -> Built:
    # no tiny quotients: LiteRT shifts those by more than 31 bits, which C leaves undefined
    b = constant("b", rng.integers(8, 28, 50).astype(np.int8), 0.03, 7)
    table = options("Div", fusedActivationFunction=0)
    return "DIV", [int8("a", (1, 40, 50), 0.05, 7), b], int8("y", (1, 40, 50), 0.07, -3), table, 2


def _selected(kind: str, b: Value) -> Built:
    return kind, [int8("a", (1, 9, 20)), b], int8("y", (1, 9, 20)), options("MaximumMinimum"), 2


for kind in ("MINIMUM", "MAXIMUM"):
    CASES[kind.lower()] = lambda _, kind=kind: _selected(kind, int8("b", (1, 9, 20)))
    CASES[f"{kind.lower()}-constant"] = lambda r, kind=kind: _selected(
        kind, constant("b", r.integers(-50, 50, (20,)).astype(np.int8), 0.05, 3)
    )


# Windows


def _pool(
    kind: str,
    shape: tuple[int, int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    same: bool,
    activation: int = 0,
) -> Built:
    size = [
        -(-n // s) if same else (n - k) // s + 1 for n, k, s in zip(shape[:2], kernel, stride, strict=True)
    ]
    table = options(
        "Pool2D", padding=schema.Padding.SAME if same else schema.Padding.VALID, filterHeight=kernel[0],
        filterWidth=kernel[1], strideH=stride[0], strideW=stride[1], fusedActivationFunction=activation)  # fmt: skip
    return kind, [int8("x", (1, *shape), 0.05, 17)], int8("y", (1, *size, shape[2]), 0.05, 17), table, 2


for kind in ("AVERAGE_POOL_2D", "MAX_POOL_2D"):
    CASES[f"{kind.lower()}-valid"] = lambda _, k=kind: _pool(k, (6, 8, 5), (2, 2), (2, 2), False)
    CASES[f"{kind.lower()}-same"] = lambda _, k=kind: _pool(k, (7, 6, 3), (3, 3), (2, 2), True)
    CASES[f"{kind.lower()}-same-odd"] = lambda _, k=kind: _pool(k, (8, 8, 3), (3, 3), (2, 2), True)
    CASES[f"{kind.lower()}-even-kernel"] = lambda _, k=kind: _pool(k, (7, 7, 3), (2, 2), (1, 1), True)
    CASES[f"{kind.lower()}-relu6"] = lambda _, k=kind: _pool(k, (6, 6, 3), (2, 2), (2, 2), False, RELU6)


# Reductions


def _reduced(kind: str, axes: tuple[int, ...], keep: bool, scale: float = 0.05, zero: int = 3) -> Built:
    shape = (1, 6, 5, 7)
    out = tuple(1 if i in axes else n for i, n in enumerate(shape) if keep or i not in axes)
    x, y = int8("x", shape), int8("y", out, scale, zero)
    return kind, [x, constant("axes", np.array(axes, np.int32))], y, options("Reducer", keepDims=keep), 2


for keep in (False, True):
    CASES[f"mean-global-{keep}"] = lambda _, k=keep: _reduced("MEAN", (1, 2), k)
    CASES[f"mean-global-scaled-{keep}"] = lambda _, k=keep: _reduced("MEAN", (1, 2), k, 0.031, -20)
    CASES[f"mean-channels-{keep}"] = lambda _, k=keep: _reduced("MEAN", (3,), k, 0.04, 9)
    CASES[f"mean-height-{keep}"] = lambda _, k=keep: _reduced("MEAN", (1,), k, 0.04, 9)
    CASES[f"max-channels-{keep}"] = lambda _, k=keep: _reduced("REDUCE_MAX", (3,), k)
    CASES[f"max-global-{keep}"] = lambda _, k=keep: _reduced("REDUCE_MAX", (1, 2), k)


@case("arg-max")
def _arg_max(_: Any) -> Built:
    axis = constant("axis", np.array([1], np.int32))
    y = Value("y", (9,), "int32")
    return "ARG_MAX", [int8("x", (9, 12)), axis], y, options("ArgMax", outputType=schema.TensorType.INT32), 2


# Moving values

SIDES = [[0, 0], [1, 2], [3, 1], [0, 0]]


def _moved(kind: str, shape: tuple[int, ...], out: tuple[int, ...], table: Any, *numbers: Any) -> Built:
    rest = [constant(f"n{i}", np.array(n, np.int32)) for i, n in enumerate(numbers)]
    return (
        kind,
        [int8("x", shape), *rest],
        int8("y", out),
        table,
        1 if kind in ("RESHAPE", "SQUEEZE", "EXPAND_DIMS") else 2,
    )


_all(
    [
        _moved("RESHAPE", (1, 2, 3, 4), (1, 24), options("Reshape", newShape=[1, 24]), [1, 24]),
        _moved("SQUEEZE", (1, 1, 3, 4), (1, 3, 4), options("Squeeze", squeezeDims=[1])),
        _moved("EXPAND_DIMS", (1, 3, 4), (1, 3, 1, 4), options("ExpandDims"), [2]),
        _moved("TRANSPOSE", (1, 3, 4, 5), (1, 4, 5, 3), options("Transpose"), [0, 2, 3, 1]),
        _moved("PAD", (1, 3, 4, 5), (1, 6, 7, 5), options("Pad"), [[0, 0], [1, 2], [3, 0], [0, 0]]),
        _moved("MIRROR_PAD", (1, 4, 5, 2), (1, 7, 9, 2), options("MirrorPad", mode=0), SIDES),
        _moved("MIRROR_PAD", (1, 4, 5, 2), (1, 7, 9, 2), options("MirrorPad", mode=1), SIDES),
        _moved("SLICE", (1, 5, 6, 4), (1, 2, 6, 3), options("Slice"), [0, 1, 0, 1], [1, 2, -1, 3]),
        _moved(
            "STRIDED_SLICE", (1, 6, 7, 4), (1, 3, 3, 4),
            options("StridedSlice", beginMask=0, endMask=0), [0, 0, 1, 0], [1, 6, 7, 4], [1, 2, 2, 1]),
        _moved(
            "STRIDED_SLICE", (1, 6, 7, 4), (1, 7, 4),
            options("StridedSlice", beginMask=4, endMask=4, shrinkAxisMask=2),
            [0, 2, 1, 0], [1, 6, 7, 4], [1, 1, 1, 1]),
        _moved("GATHER", (1, 6, 5), (1, 3, 5), options("Gather", axis=1), [4, 0, 4]),
        _moved("GATHER", (1, 6, 5), (1, 6, 2), options("Gather", axis=2), [1, 3]),
        _moved("GATHER", (6, 5), (5,), options("Gather", axis=0), 2),
    ],
    ["reshape", "squeeze", "expand", "transpose", "pad", "mirror-reflect", "mirror-symmetric", "slice", "strided",
     "strided-shrink", "gather-rows", "gather-columns", "gather-one"],
    "move",
)  # fmt: skip


@case("padv2")
def _padv2(_: Any) -> Built:
    pads = constant("pads", np.array([[0, 0], [1, 2], [0, 1], [0, 0]], np.int32))
    value = constant("value", np.array([-77], np.int8).reshape(()), 0.05, 3)
    return "PADV2", [int8("x", (1, 3, 4, 5)), pads, value], int8("y", (1, 6, 5, 5)), options("PadV2"), 2


@case("split")
def _split(_: Any) -> Built:
    axis = constant("axis", np.array(3, np.int32))
    parts = [int8(f"y{i}", (1, 4, 5, 2)) for i in range(3)]
    return "SPLIT", [axis, int8("x", (1, 4, 5, 6))], parts, options("Split", numSplits=3), 2


@case("split-v")
def _split_v(_: Any) -> Built:
    sizes, axis = constant("sizes", np.array([1, -1, 3], np.int32)), constant("axis", np.array(1, np.int32))
    parts = [int8(f"y{i}", (1, n, 5)) for i, n in enumerate((1, 2, 3))]
    return "SPLIT_V", [int8("x", (1, 6, 5)), sizes, axis], parts, options("SplitV", numSplits=3), 2


for axis in (1, 2, 3):

    def _joined(_: Any, axis: int = axis) -> Built:
        shapes = [[1, 3, 4, 5] for _ in range(4)]
        for i, n in enumerate((1, 2, 3, 6)):
            shapes[i][axis] = n
        parts = [int8(f"x{i}", tuple(shape)) for i, shape in enumerate(shapes[:3])]
        table = options("Concatenation", axis=axis, fusedActivationFunction=0)
        return "CONCATENATION", parts, int8("y", tuple(shapes[3])), table, 2

    CASES[f"concat-{axis}"] = _joined


@case("pack")
def _pack(_: Any) -> Built:
    return (
        "PACK",
        [int8("a", (1, 5)), int8("b", (1, 5))],
        int8("y", (1, 2, 5)),
        options("Pack", axis=1, valuesCount=2),
        2,
    )


@case("unpack")
def _unpack(_: Any) -> Built:
    parts = [int8(f"y{i}", (1, 5)) for i in range(3)]
    return "UNPACK", [int8("x", (1, 3, 5))], parts, options("Unpack", axis=1, num=3), 2


@pytest.mark.parametrize("operator", ["EMBEDDING_LOOKUP", "GATHER"])
def test_rows_of_a_table_by_indices_at_run_time(operator: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    table = constant("table", rng.integers(-128, 128, (20, 6)).astype(np.int8), 0.05, 3)
    ids, y = Value("ids", (4,), "int32"), int8("y", (4, 6))
    if operator == "GATHER":
        model = files.one("GATHER", [table, ids], y, options("Gather", axis=0), 2)
    else:
        model = files.one("EMBEDDING_LOOKUP", [ids, table], y, None, 3)
    inputs = [[rng.integers(0, 20, 4).astype(np.int32)] for _ in range(20)]
    files.assert_equal_to_litert(model, tmp_path, inputs)


# Images of another size


def _resized(kind: str, size: tuple[int, int], out: tuple[int, int], **fields: bool) -> Built:
    x, y = int8("x", (1, *size, 3)), int8("y", (1, *out, 3))
    name = {"RESIZE_BILINEAR": "ResizeBilinear", "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighbor"}[kind]
    return kind, [x, constant("size", np.array(out, np.int32))], y, options(name, **fields), 3


for name, size, out in (("up", (4, 5), (8, 10)), ("odd", (5, 4), (7, 9)), ("down", (9, 8), (4, 3))):
    CASES[f"nearest-{name}"] = lambda _, s=size, o=out: _resized("RESIZE_NEAREST_NEIGHBOR", s, o)
    CASES[f"nearest-half-pixel-{name}"] = lambda _, s=size, o=out: _resized(
        "RESIZE_NEAREST_NEIGHBOR", s, o, halfPixelCenters=True
    )
    CASES[f"bilinear-half-pixel-{name}"] = lambda _, s=size, o=out: _resized(
        "RESIZE_BILINEAR", s, o, halfPixelCenters=True
    )
    CASES[f"bilinear-corners-{name}"] = lambda _, s=size, o=out: _resized(
        "RESIZE_BILINEAR", s, o, alignCorners=True
    )


# Activation functions


def _activation(
    kind: str, table: Any = None, scale: float = 0.05, zero: int = 3, x_scale: float = 0.05, version: int = 2
) -> Built:
    return kind, [int8("x", (1, 16, 16), x_scale, 3)], int8("y", (1, 16, 16), scale, zero), table, version


for scale in (0.02, 0.05, 0.11):
    _all(
        [
            _activation("LOGISTIC", scale=1 / 256, zero=-128, x_scale=scale),
            _activation("TANH", scale=1 / 128, zero=0, x_scale=scale),
            _activation("HARD_SWISH", options("HardSwish"), version=1, x_scale=scale, scale=scale * 0.8, zero=-60),
            _activation("LEAKY_RELU", options("LeakyRelu", alpha=0.1), x_scale=scale, scale=scale * 0.7, zero=-60),
            _activation("GELU", options("Gelu", approximate=False), x_scale=scale, scale=scale * 0.7, zero=-60),
            _activation("GELU", options("Gelu", approximate=True), x_scale=scale, scale=scale * 0.7, zero=-60),
            _activation("RELU", x_scale=scale, scale=scale * 0.7, zero=-128),
            _activation("RELU6", x_scale=scale, scale=scale * 0.7, zero=-128),
            _activation("RELU_N1_TO_1", version=1, x_scale=scale, scale=scale, zero=3),
            _activation("SOFTMAX", options("Softmax", beta=1.0), x_scale=scale, scale=1 / 256, zero=-128),
            _activation("LOG_SOFTMAX", options("LogSoftmax"), x_scale=scale, scale=16 / 256, zero=127),
            _activation("QUANTIZE", options("Quantize"), x_scale=scale, scale=scale * 0.3, zero=-60),
            _activation("QUANTIZE", options("Quantize"), x_scale=scale, scale=scale * 2.0, zero=-60),
            _activation("QUANTIZE", options("Quantize"), x_scale=scale, scale=scale * 8.0, zero=-60),
            _activation("QUANTIZE", options("Quantize"), x_scale=scale, scale=scale * 5.3, zero=-60),
            _activation("RELU", x_scale=scale, scale=scale * 4.0, zero=-60),
            _activation("RELU", x_scale=scale, scale=scale * 5.3, zero=-60),
        ],
        ["logistic", "tanh", "hard-swish", "leaky-relu", "gelu", "gelu-tanh", "relu", "relu6", "relu-n1",
         "softmax", "log-softmax", "requantize-finer", "requantize-halves",
         "requantize-eighths", "requantize-coarser", "relu-quarters", "relu-coarser"],
        f"act-{scale}",
    )  # fmt: skip


@case("prelu")
def _prelu(rng: np.random.Generator) -> Built:
    alpha = constant("alpha", rng.integers(-128, 128, (1, 1, 6)).astype(np.int8), 0.004, 11)
    return "PRELU", [int8("x", (1, 5, 7, 6)), alpha], int8("y", (1, 5, 7, 6), 0.06, -4), None, 1


@case("quantize")
def _quantize(_: Any) -> Built:
    return "QUANTIZE", [Value("x", (1, 50))], int8("y", (1, 50)), options("Quantize"), 2


@case("dequantize")
def _dequantize(_: Any) -> Built:
    return "DEQUANTIZE", [int8("x", (1, 50))], Value("y", (1, 50)), options("Dequantize"), 2


@pytest.mark.parametrize("axes", [(1, 2), (3,)])
def test_sum(axes: tuple[int, ...], tmp_path: Path) -> None:
    """LiteRT's reference kernel reads int8 as unsigned here, so the real sum decides."""
    operator, inputs, y, table, version = _reduced("SUM", axes, False, 0.7, 9)
    steps = files.lowered(files.one(operator, inputs, y, table, version), tmp_path)
    for (x,) in files.samples(inputs[:1], 20):
        exact = (x.astype(float) - 3).sum(axes) * 0.05 / 0.7 + 9
        assert np.abs(files.ours(steps, [x])[0] - np.clip(exact, -128, 127)).max() <= 0.5001


@pytest.mark.parametrize("scale", [0.02, 0.05, 0.11])
def test_elu(scale: float, tmp_path: Path) -> None:
    """LiteRT has no reference kernel for it."""
    operator, inputs, y, table, version = _activation("ELU", x_scale=scale, scale=scale * 0.7, zero=-60)
    steps = files.lowered(files.one(operator, inputs, y, table, version), tmp_path)
    x = np.arange(-128, 128, dtype=np.int8).reshape(1, 16, 16)
    real = (x.astype(float) - 3) * scale
    exact = np.where(real > 0, real, np.expm1(real)) / (scale * 0.7) - 60
    assert np.abs(files.ours(steps, [x])[0] - np.clip(exact, -128, 127)).max() <= 0.501
