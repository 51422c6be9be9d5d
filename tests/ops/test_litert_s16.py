"""int16 references against LiteRT's reference kernels for 16x8 quantization, to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops import litert_builder as litert
from toolkit.lower.ir import Quantization, Step, Value, per_channel, per_tensor
from toolkit.ops import operators
from toolkit.ops.batch_matmul import matmul_step


def _int16(name: str, shape: tuple[int, ...], scale: float) -> Value:
    return Value(name, shape, "int16", per_tensor(float(np.float32(scale)), 0, -32768, 32767))


def _random(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.integers(-32768, 32768, shape).astype(np.int16)


def _weighted(op: str, x: Value, w_shape: tuple[int, ...], y: Value, axis: int, seed: int) -> Step:
    rng = np.random.default_rng(seed)
    channels = w_shape[axis]
    scales = rng.uniform(0.002, 0.02, channels).astype(np.float32)
    weight = Value(
        "w", w_shape, "int8", per_channel(scales, axis), rng.integers(-127, 128, w_shape).astype(np.int8)
    )
    bias = Value("b", (channels,), "int32", data=rng.integers(-90000, 90000, channels).astype(np.int32))
    return Step(op, op, [x, weight, bias], y)


def _wide_bias(step: Step) -> Value:
    x, weight, bias = step.inputs
    assert x.quant is not None
    assert weight.quant is not None
    assert bias.data is not None
    scale = (x.quant.scale * weight.quant.scale).astype(np.float32)
    quant = Quantization(scale, np.zeros(len(scale), np.int64), -(2**31), 2**31 - 1, 0)
    return replace(bias, dtype="int64", data=bias.data.astype(np.int64), quant=quant)


@pytest.mark.parametrize("seed", range(4))
def test_fully_connected(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = _int16("x", (3, 40), 1e-4), _int16("y", (3, 7), float(rng.uniform(1e-4, 2e-3)))
    step = _weighted("fully_connected_s16", x, (7, 40), y, 0, seed)
    data = _random(rng, x.shape)
    table = litert.options("FullyConnected")
    model = litert.one_op("FULLY_CONNECTED", [x, step.inputs[1], _wide_bias(step)], y, table, 11)
    expected = litert.run_reference(model, [data])
    np.testing.assert_array_equal(operators()[step.op].reference(step, [data]), expected)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("op", ["conv2d_s16", "depthwise_conv2d_s16"])
def test_convolutions(op: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = _int16("x", (1, 6, 7, 4), 1e-4), _int16("y", (1, 4, 5, 4), float(rng.uniform(1e-4, 2e-3)))
    depthwise = op.startswith("depthwise")
    step = _weighted(op, x, (3, 3, 4) if depthwise else (4, 3, 3, 4), y, 2 if depthwise else 0, seed)
    step.attrs = {"stride": (1, 1), "dilation": (1, 1), "pads": ((0, 0), (0, 0))}
    weight, fields = step.inputs[1], {"padding": litert.schema.Padding.VALID, "strideH": 1, "strideW": 1}
    fields |= {"dilationHFactor": 1, "dilationWFactor": 1}
    if depthwise:
        assert weight.data is not None
        assert weight.quant is not None
        weight = replace(
            weight, shape=(1, *weight.shape), data=weight.data[None], quant=replace(weight.quant, axis=3)
        )
        table, name = litert.options("DepthwiseConv2D", depthMultiplier=1, **fields), "DEPTHWISE_CONV_2D"
    else:
        table, name = litert.options("Conv2D", **fields), "CONV_2D"
    data = _random(rng, x.shape)
    model = litert.one_op(name, [x, weight, _wide_bias(step)], y, table, 5)
    np.testing.assert_array_equal(
        operators()[op].reference(step, [data]), litert.run_reference(model, [data])
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("op", "name"), [("add_s16", "ADD"), ("sub_s16", "SUB"), ("mul_s16", "MUL")])
def test_two_operands(op: str, name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    scales = np.exp(rng.uniform(-9, -6, 2))
    out = scales.max() * rng.uniform(0.5, 2) if op != "mul_s16" else scales.prod() * rng.uniform(1e4, 4e4)
    a, b, y = (_int16(n, (64, 64), s) for n, s in zip("aby", (*scales, out), strict=True))
    inputs = [_random(rng, a.shape), _random(rng, b.shape)]
    fields = {} if op == "mul_s16" else {"potScaleInt16": False}
    table = litert.options(
        {"ADD": "Add", "SUB": "Sub", "MUL": "Mul"}[name], fusedActivationFunction=0, **fields
    )
    model = litert.one_op(name, [a, b], y, table, 4)
    step = Step(op, op, [a, b], y, rounding="double")
    np.testing.assert_array_equal(
        operators()[op].reference(step, inputs), litert.run_reference(model, inputs)
    )


@pytest.mark.parametrize("function", ["gelu", "exp"])
def test_table(function: str) -> None:
    x = _int16("x", (1, 65536), 4e-5 if function == "exp" else 3e-4)
    y = _int16("y", x.shape, 2e-4)
    data = np.arange(-32768, 32768).astype(np.int16)[None]
    table = litert.options("Gelu", approximate=False) if function == "gelu" else None
    expected = litert.run_reference(litert.one_op(function.upper(), [x], y, table, 2), [data])
    step = Step("table_s16", "t", [x], y, {"function": function, "parameters": ()})
    np.testing.assert_array_equal(operators()["table_s16"].reference(step, [data]), expected)


@pytest.mark.parametrize("seed", range(4))
def test_batch_matmul(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = _int16("a", (2, 5, 20), 1e-4), _int16("b", (2, 20, 7), 2e-4)
    y = _int16("y", (2, 5, 7), float(rng.uniform(1e-3, 1e-2)))
    inputs = [_random(rng, a.shape), _random(rng, b.shape)]
    step = replace(matmul_step("batch_matmul_s16", a, b), output=y)
    table = litert.options("BatchMatMul", adjX=False, adjY=False)
    expected = litert.run_reference(litert.one_op("BATCH_MATMUL", [a, b], y, table, 4), inputs)
    np.testing.assert_array_equal(operators()[step.op].reference(step, inputs), expected)


@pytest.mark.parametrize(("op", "name"), [("sigmoid_s16", "LOGISTIC"), ("tanh_s16", "TANH")])
@pytest.mark.parametrize("scale", [3e-5, 1e-4, 3e-4, 1 / 4096, 1e-3])
def test_gates(op: str, name: str, scale: float) -> None:
    x, y = _int16("x", (1, 65536), scale), _int16("y", (1, 65536), 1 / 32768)
    data = np.arange(-32768, 32768).astype(np.int16)[None]
    expected = litert.run_reference(litert.one_op(name, [x], y, None, 2), [data])
    step = Step(op, "t", [x], y, {"function": op.removesuffix("_s16"), "parameters": ()})
    np.testing.assert_array_equal(operators()[op].reference(step, [data]), expected)


@pytest.mark.parametrize("op", ["avg_pool2d", "max_pool2d"])
def test_pooling(op: str) -> None:
    x, y = _int16("x", (1, 6, 8, 5), 3e-4), _int16("y", (1, 3, 4, 5), 3e-4)
    step = Step(op, "pool", [x], y, {"kernel": (2, 2), "stride": (2, 2), "pad": (0, 0)})
    fields = {"filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2, "fusedActivationFunction": 0}
    table = litert.options("Pool2D", padding=litert.schema.Padding.VALID, **fields)
    data = _random(np.random.default_rng(0), x.shape)
    name = "AVERAGE_POOL_2D" if op.startswith("avg") else "MAX_POOL_2D"
    expected = litert.run_reference(litert.one_op(name, [x], y, table, 3), [data])
    np.testing.assert_array_equal(operators()[op].reference(step, [data]), expected)
