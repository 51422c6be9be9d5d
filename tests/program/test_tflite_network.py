"""A network of many operators from a ``.tflite`` file: one step for each, none that turns axes, equal to LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("ai_edge_litert", reason="pip install ai-edge-litert")

from tests.ops.litert_builder import options
from tests.program import tflite_files as files
from tests.program.tflite_files import Node, constant, int8
from toolkit.lower.ir import Value

RELU, RELU6 = 1, 3


class Network:
    """Nodes of a file, with random weights and scales."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[Node] = []

    def value(self, shape: tuple[int, ...], like: Value | None = None, scale: float = 0.0) -> Value:
        """An activation at a scale of its own, at ``like``'s, or of a probability (``scale`` 1/256)."""
        name = f"v{len(self.nodes)}_{len(shape)}"
        if like is not None:
            assert like.quant is not None
            return int8(name, shape, float(like.quant.scale[0]), int(like.quant.zero_point[0]))
        if scale == 1 / 256:
            return int8(name, shape, scale, -128)
        return int8(name, shape, scale or self.rng.uniform(0.03, 0.1), int(self.rng.integers(-60, 60)))

    def add(self, kind: str, inputs: list[Value], y: Value, table: Any = None, version: int = 2) -> Value:
        """Append an operator and return its output."""
        self.nodes.append(Node(kind, inputs, [y], table, version))
        return y

    def conv(self, x: Value, channels: int, size: int, stride: int = 1, activation: int = RELU) -> Value:
        """A convolution with SAME padding; depthwise for 0 channels."""
        depthwise, channels = channels == 0, channels or x.shape[3]
        shape = (1, size, size, channels) if depthwise else (channels, size, size, x.shape[3])
        data = self.rng.integers(-127, 128, shape).astype(np.int8)
        scales = self.rng.uniform(0.002, 0.01, channels)
        weight = files.per_channel_weight(f"w{len(self.nodes)}", data, scales, 3 if depthwise else 0)
        bias = files.bias(f"b{len(self.nodes)}", self.rng.integers(-500, 500, channels), x, weight)
        fields = {"strideH": stride, "strideW": stride, "dilationHFactor": 1, "dilationWFactor": 1}
        kind = "DepthwiseConv2D" if depthwise else "Conv2D"
        table = options(kind, padding=0, fusedActivationFunction=activation, **fields)
        y = self.value((1, -(-x.shape[1] // stride), -(-x.shape[2] // stride), channels))
        return self.add("DEPTHWISE_CONV_2D" if depthwise else "CONV_2D", [x, weight, bias], y, table, 3)


def numbers(name: str, *n: int) -> Value:
    """A constant of integers."""
    return constant(name, np.array(n, np.int32))


def build(seed: int) -> tuple[bytes, Value, int]:
    """Return a file with an inverted residual, squeeze and excitation, an upsampled branch and a classifier."""
    net = Network(seed)
    x = net.value((1, 16, 16, 3))
    stem = net.conv(x, 8, 3, 2, RELU6)
    branch = net.conv(net.conv(net.conv(stem, 24, 1, 1, RELU6), 0, 3, 1, RELU6), 8, 1, 1, 0)
    joined = net.add(
        "ADD", [stem, branch], net.value(stem.shape), options("Add", fusedActivationFunction=RELU)
    )
    pooled = net.value((1, 1, 1, 8))
    net.add("MEAN", [joined, numbers("axes", 1, 2)], pooled, options("Reducer", keepDims=True))
    gate = net.conv(net.conv(pooled, 4, 1), 8, 1, activation=0)
    gate = net.add("LOGISTIC", [gate], net.value((1, 1, 1, 8), scale=1 / 256))
    scaled = net.add("MUL", [joined, gate], net.value(joined.shape, scale=0.02), options("Mul"))
    swish = net.add("HARD_SWISH", [scaled], net.value(scaled.shape, scale=0.02), options("HardSwish"), 1)
    small = net.conv(swish, 12, 3, 2)
    large = net.value((1, 8, 8, 12), like=small)
    net.add(
        "RESIZE_NEAREST_NEIGHBOR", [small, numbers("size", 8, 8)], large, options("ResizeNearestNeighbor"), 3
    )
    window = options("Pool2D", padding=0, filterHeight=3, filterWidth=3, strideH=1, strideW=1)
    highest = net.add("MAX_POOL_2D", [large], net.value(large.shape, like=large), window)
    both = net.value((1, 8, 8, 24), like=large)
    net.add("CONCATENATION", [large, highest], both, options("Concatenation", axis=3))
    last = net.conv(both, 6, 3, 2)
    flat = net.value((1, 96), like=last)
    net.add("RESHAPE", [last, numbers("shape", 1, 96)], flat, options("Reshape", newShape=[1, 96]), 1)
    weight = constant("wf", net.rng.integers(-127, 128, (10, 96)).astype(np.int8), 0.005)
    bias = files.bias("bf", net.rng.integers(-99, 99, 10), flat, weight)
    logits = net.add(
        "FULLY_CONNECTED", [flat, weight, bias], net.value((1, 10)), options("FullyConnected"), 4
    )
    chances = net.add("SOFTMAX", [logits], net.value((1, 10), scale=1 / 256), options("Softmax", beta=1.0))
    return files.write(net.nodes, [x], [chances, scaled]), x, len(net.nodes)


@pytest.mark.parametrize("seed", range(3))
def test_one_step_for_each_operator(seed: int, tmp_path: Path) -> None:
    model, x, count = build(seed)
    steps = files.assert_equal_to_litert(model, tmp_path, files.samples([x], 40, seed))
    assert len(steps.steps) == count
    assert not any(step.op == "permute" for step in steps.steps)
    assert steps.input_permutes == [None]
    assert steps.output_permutes == [None, None]
    assert all(v.dtype == "int8" for step in steps.steps for v in (*step.activations, step.output))
