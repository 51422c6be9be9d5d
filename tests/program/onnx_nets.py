"""Small networks for the ONNX tests, float and as ONNX Runtime's quantizer writes them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper

from tests.program import onnx_files as files

SIZE = 12  # of the image


class _Net:
    """Builds a network layer by layer."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def normal(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return (self.rng.normal(size=shape) * scale).astype(np.float32)

    def add(self, op: str, x: str | list[str], **attributes: Any) -> str:
        name = f"{op.lower()}{len(self.nodes)}"
        self.nodes.append(files.node(op, [x] if isinstance(x, str) else x, [name], **attributes))
        return name

    def constant(self, data: np.ndarray) -> str:
        name = f"constant{len(self.constants)}"
        self.constants[name] = data
        return name

    def conv(self, x: str, channels: int, out: int, kernel: int, **attributes: Any) -> str:
        per_group = channels // attributes.get("group", 1)
        weight = self.normal(out, per_group, kernel, kernel, scale=(2 / (per_group * kernel * kernel)) ** 0.5)
        inputs = [x, self.constant(weight), self.constant(self.normal(out, scale=0.1))]
        return self.add("Conv", inputs, kernel_shape=[kernel, kernel], **attributes)

    def gemm(self, x: str, features: int, out: int) -> str:
        weight = self.normal(out, features, scale=features**-0.5)
        return self.add(
            "Gemm", [x, self.constant(weight), self.constant(self.normal(out, scale=0.1))], transB=1
        )

    def model(self, shape: list[Any], output: str) -> onnx.ModelProto:
        return files.model(self.nodes, {"x": shape}, [output], self.constants)


def residual(seed: int = 0) -> onnx.ModelProto:
    """A residual network: convolutions of three kinds, an addition, both pools, a classifier."""
    net = _Net(seed)
    first = net.add("Relu", net.conv("x", 3, 8, 3, pads=[1, 1, 1, 1], strides=[2, 2]))
    y = net.add("Relu", net.conv(first, 8, 8, 3, pads=[1, 1, 1, 1], group=8))
    y = net.add("Relu", net.add("Add", [net.conv(y, 8, 8, 1), first]))
    y = net.add("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = net.add("Relu", net.conv(y, 8, 16, 3, pads=[1, 1, 1, 1]))
    y = net.add("Flatten", net.add("GlobalAveragePool", y))
    return net.model([1, 3, SIZE, SIZE], net.gemm(y, 16, 10))


def image_to_image(seed: int = 0) -> onnx.ModelProto:
    """A network whose output is an image: many values to compare."""
    net = _Net(seed)
    y = net.add("Relu", net.conv("x", 3, 8, 3, pads=[1, 1, 1, 1]))
    y = net.add("Relu", net.conv(y, 8, 8, 3, pads=[1, 1, 1, 1], group=8))
    return net.model([1, 3, SIZE, SIZE], net.conv(y, 8, 12, 1))


def mobilenet(seed: int = 0) -> onnx.ModelProto:
    """Inverted residuals with hardswish and squeeze-and-excite, as MobileNet V3 and EfficientNet have them."""
    net = _Net(seed)
    y = net.add("HardSwish", net.conv("x", 3, 8, 3, pads=[1, 1, 1, 1], strides=[2, 2]))
    inner = net.add("HardSwish", net.conv(y, 8, 16, 1))
    inner = net.conv(inner, 16, 16, 3, pads=[1, 1, 1, 1], group=16)
    gate = net.add("Relu", net.conv(net.add("GlobalAveragePool", inner), 16, 4, 1))
    gate = net.add("HardSigmoid", net.conv(gate, 4, 16, 1), alpha=1 / 6, beta=0.5)
    y = net.add("Add", [net.conv(net.add("Mul", [inner, gate]), 16, 8, 1), y])
    return net.model([1, 3, SIZE, SIZE], net.gemm(net.add("Flatten", net.add("GlobalAveragePool", y)), 8, 6))


def temporal(seed: int = 0) -> onnx.ModelProto:
    """Dilated convolutions over time, as TCN and keyword spotters have them."""
    net = _Net(seed)
    y, channels = "x", 4
    for dilation in (1, 2):
        weight = net.normal(8, channels, 3, scale=(2 / (3 * channels)) ** 0.5)
        inputs = [y, net.constant(weight), net.constant(net.normal(8, scale=0.1))]
        y = net.add("Relu", net.add("Conv", inputs, dilations=[dilation], pads=[2 * dilation, 0]))
        channels = 8
    y = net.add("Flatten", net.add("GlobalAveragePool", y))
    return net.model([1, 4, 20], net.gemm(y, 8, 5))


def mlp(seed: int = 0) -> onnx.ModelProto:
    """Fully connected layers, written as products and additions, with tanh and sigmoid."""
    net = _Net(seed)
    y, features = "x", 16
    for op, out in (("Tanh", 24), ("Sigmoid", 8)):
        product = net.add("MatMul", [y, net.constant(net.normal(features, out, scale=features**-0.5))])
        y, features = net.add(op, net.add("Add", [product, net.constant(net.normal(out, scale=0.1))])), out
    return net.model([1, 16], net.add("Softmax", net.gemm(y, 8, 4), axis=-1))


def mixer(seed: int = 0) -> onnx.ModelProto:
    """One MLP-Mixer block: LayerNorm, products over tokens and channels, GELU."""
    net = _Net(seed)
    tokens, width = 6, 8

    def dense(x: str, features: int, out: int) -> str:
        product = net.add("MatMul", [x, net.constant(net.normal(features, out, scale=features**-0.5))])
        return net.add("Add", [product, net.constant(net.normal(out, scale=0.1))])

    def norm(x: str) -> str:
        parameters = [
            net.constant(net.normal(width) + np.float32(2)),
            net.constant(net.normal(width, scale=0.1)),
        ]
        return net.add("LayerNormalization", [x, *parameters], axis=-1)

    turned = net.add("Transpose", norm("x"), perm=[0, 2, 1])
    mixed = dense(net.add("Gelu", dense(turned, tokens, 2 * tokens)), 2 * tokens, tokens)
    y = net.add("Add", ["x", net.add("Transpose", mixed, perm=[0, 2, 1])])
    y = net.add("Add", [y, dense(net.add("Gelu", dense(norm(y), width, 2 * width)), 2 * width, width)])
    pooled = net.add("ReduceMean", [y, net.constant(np.array([1], np.int64))], keepdims=0)
    return net.model([1, tokens, width], net.gemm(pooled, width, 5))


def transformer(seed: int = 0) -> onnx.ModelProto:
    """One block of a vision transformer: attention of two heads as exporters write it."""
    net = _Net(seed)
    tokens, width, heads = 5, 8, 2

    def dense(x: str, features: int, out: int) -> str:
        product = net.add("MatMul", [x, net.constant(net.normal(features, out, scale=features**-0.5))])
        return net.add("Add", [product, net.constant(net.normal(out, scale=0.1))])

    def split(x: str, perm: list[int]) -> str:
        shape = net.constant(np.array([0, 0, heads, width // heads], np.int64))
        return net.add("Transpose", net.add("Reshape", [x, shape]), perm=perm)

    parameters = [net.constant(net.normal(width) + np.float32(2)), net.constant(net.normal(width, scale=0.1))]
    x = net.add("LayerNormalization", ["x", *parameters], axis=-1)
    q, k, v = (dense(x, width, width) for _ in range(3))
    scores = net.add("MatMul", [split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])])
    scores = net.add("Div", [scores, net.constant(np.float32((width // heads) ** 0.5))])
    mixed = net.add("MatMul", [net.add("Softmax", scores, axis=-1), split(v, [0, 2, 1, 3])])
    mixed = net.add("Transpose", mixed, perm=[0, 2, 1, 3])
    mixed = net.add("Reshape", [mixed, net.constant(np.array([0, 0, -1], np.int64))])
    y = net.add("Add", ["x", dense(mixed, width, width)])
    pooled = net.add("ReduceMean", [y, net.constant(np.array([1], np.int64))], keepdims=0)
    return net.model([1, tokens, width], net.gemm(pooled, width, 4))


def recurrent(op: str, seed: int = 0) -> onnx.ModelProto:
    """An LSTM, GRU or RNN over eight steps and a classifier on its last state."""
    net = _Net(seed)
    gates, hidden, inputs = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], 6, 4
    w, r = net.normal(1, gates * hidden, inputs, scale=0.5), net.normal(1, gates * hidden, hidden, scale=0.4)
    b = net.normal(1, 2 * gates * hidden, scale=0.1)
    names = [net.add("Transpose", "x", perm=[1, 0, 2]), *(net.constant(a) for a in (w, r, b))]
    net.nodes.append(helper.make_node(op, names, ["", "state"], name="recurrent", hidden_size=hidden))
    flat = net.add("Squeeze", ["state", net.constant(np.array([0], np.int64))])
    return net.model([1, 8, inputs], net.gemm(flat, hidden, 3))


def samples(model: onnx.ModelProto, count: int, seed: int = 5) -> np.ndarray:
    """Return normal numbers in the shape of the model's input, samples first."""
    dims = [dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim]
    return np.random.default_rng(seed).normal(size=(count, *dims[1:])).astype(np.float32)


def quantized(model: onnx.ModelProto, path: Path, *, form: str, activations: str, per_channel: bool,
              weights: str = "QInt8") -> Path:  # fmt: skip
    """Write the model as ONNX Runtime quantizes it: ``form`` is QDQ or QOperator, types are QInt8 or QUInt8."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.feeds: Iterator[dict[str, np.ndarray]] = iter({"x": x[None]} for x in samples(model, 16))

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.feeds, None)

    source = path.with_suffix(".float.onnx")
    onnx.save(model, source)
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.ERROR)  # it recommends a preprocessing that they do not need
    try:
        quantize_static(
            source, path, Reader(), quant_format=QuantFormat[form], activation_type=QuantType[activations],
            weight_type=QuantType[weights], per_channel=per_channel,
        )  # fmt: skip
    finally:
        logging.getLogger().setLevel(level)
    return path
