"""Write a lowered int8 model as a ``.tflite`` file: the same layers, weights and scales for LiteRT to run."""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.lower.ir import Model, Quantization, Step, Value

TYPES = {"int8": schema.TensorType.INT8, "int32": schema.TensorType.INT32}
VERSIONS = {
    "ADD": 2,
    "AVERAGE_POOL_2D": 2,
    "RESHAPE": 1,
    "SOFTMAX": 2,
}  # int8 came with these; 3 for the others
ACTIVATIONS = {
    None: schema.ActivationFunctionType.NONE,
    (0.0, np.inf): schema.ActivationFunctionType.RELU,
    (0.0, 6.0): schema.ActivationFunctionType.RELU6,
}


def write(model: Model) -> bytes:
    """Return the file. Raises ``ValueError`` for a layer that TFLite has no like of, as uneven padding."""
    return _Writer().write(model)


class _Writer:
    def __init__(self) -> None:
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.buffers = [schema.BufferT()]
        self.codes: list[str] = []
        self.indices: dict[int, int] = {}
        self.kept: list[Value] = []  # so that no id is used twice

    def write(self, model: Model) -> bytes:
        self.graph.inputs = [self.tensor(value) for value in model.inputs]
        for step in model.steps:
            self.operator(step)
        self.graph.outputs = [self.tensor(value) for value in model.outputs]
        file = schema.ModelT()
        file.version, file.subgraphs, file.buffers = 3, [self.graph], self.buffers
        file.operatorCodes = [self.code(kind) for kind in self.codes]
        builder = flatbuffers.Builder(1024)
        builder.Finish(file.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def code(self, kind: str) -> Any:
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = VERSIONS.get(kind, 3)
        return code

    def tensor(self, value: Value) -> int:
        if id(value) in self.indices:
            return self.indices[id(value)]
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = value.name.encode(), list(value.shape), TYPES[value.dtype]
        tensor.buffer = 0
        if value.data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(value.data).tobytes(), np.uint8)
            self.buffers.append(buffer)
            tensor.buffer = len(self.buffers) - 1
        if value.quant is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = value.quant.scale.astype(np.float32)
            tensor.quantization.zeroPoint = value.quant.zero_point
            tensor.quantization.quantizedDimension = value.quant.axis or 0
        self.graph.tensors.append(tensor)
        self.kept.append(value)
        self.indices[id(value)] = len(self.graph.tensors) - 1
        return self.indices[id(value)]

    def operator(self, step: Step) -> None:
        kind, table = _KINDS[step.op](step)
        if kind not in self.codes:
            self.codes.append(kind)
        node = schema.OperatorT()
        node.opcodeIndex = self.codes.index(kind)
        node.inputs = [self.tensor(value) for value in _inputs(step)]
        node.outputs = [self.tensor(step.output)]
        node.builtinOptions = table
        node.builtinOptionsType = getattr(schema.BuiltinOptions, type(table).__name__.removesuffix("T"))
        self.graph.operators.append(node)


def _inputs(step: Step) -> list[Value]:
    if step.op == "reshape":
        shape = np.array(step.output.shape, np.int32)
        return [step.inputs[0], Value(f"{step.name}.shape", shape.shape, "int32", data=shape)]
    if step.op not in ("conv2d", "depthwise_conv2d", "fully_connected"):
        return step.inputs
    x, w, b = step.inputs
    assert x.quant is not None
    assert w.quant is not None
    assert w.data is not None
    scale = x.quant.scale * w.quant.scale
    limit = 2**31
    quant = Quantization(scale, np.zeros(scale.size, np.int64), -limit, limit - 1, 0)
    if step.op == "depthwise_conv2d":
        per_axis = Quantization(w.quant.scale, w.quant.zero_point, -127, 127, 3)
        w = Value(w.name, (1, *w.shape), "int8", per_axis, w.data[None])
    return [x, w, Value(b.name, b.shape, "int32", quant, b.data)]


def _window(step: Step, table: Any) -> Any:
    same = []
    for axis in (0, 1):
        (before, after), stride = step.attrs["pads"][axis], step.attrs["stride"][axis]
        kernel = step.inputs[1].shape[axis + (step.op == "conv2d")]
        size, out = step.inputs[0].shape[axis + 1], step.output.shape[axis + 1]
        whole = max((out - 1) * stride + kernel - size, 0)
        same.append(out == -(-size // stride) and (before, after) == (whole // 2, whole - whole // 2))
    if not all(same) and any(sum(pad) for pad in step.attrs["pads"]):
        raise ValueError(f"{step.name}: TFLite has no padding {step.attrs['pads']}")
    table.padding = schema.Padding.SAME if all(same) else schema.Padding.VALID
    table.strideH, table.strideW = step.attrs["stride"]
    table.dilationHFactor, table.dilationWFactor = step.attrs["dilation"]
    table.fusedActivationFunction = ACTIVATIONS[step.attrs.get("activation")]
    return table


def _conv2d(step: Step) -> tuple[str, Any]:
    return "CONV_2D", _window(step, schema.Conv2DOptionsT())


def _depthwise(step: Step) -> tuple[str, Any]:
    table = _window(step, schema.DepthwiseConv2DOptionsT())
    table.depthMultiplier = step.output.shape[3] // step.inputs[0].shape[3]
    return "DEPTHWISE_CONV_2D", table


def _fully_connected(step: Step) -> tuple[str, Any]:
    table = schema.FullyConnectedOptionsT()
    table.fusedActivationFunction = ACTIVATIONS[step.attrs.get("activation")]
    return "FULLY_CONNECTED", table


def _add(step: Step) -> tuple[str, Any]:
    table = schema.AddOptionsT()
    table.fusedActivationFunction = ACTIVATIONS[step.attrs.get("activation")]
    return "ADD", table


def _avg_pool2d(step: Step) -> tuple[str, Any]:
    table = schema.Pool2DOptionsT()
    table.padding = schema.Padding.VALID
    table.filterHeight, table.filterWidth = step.attrs["kernel"]
    table.strideH, table.strideW = step.attrs["stride"]
    return "AVERAGE_POOL_2D", table


def _softmax(step: Step) -> tuple[str, Any]:
    table = schema.SoftmaxOptionsT()
    table.beta = 1.0
    return "SOFTMAX", table


def _reshape(step: Step) -> tuple[str, Any]:
    table = schema.ReshapeOptionsT()
    table.newShape = list(step.output.shape)
    return "RESHAPE", table


_KINDS = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "fully_connected": _fully_connected,
    "add": _add,
    "avg_pool2d": _avg_pool2d,
    "softmax": _softmax,
    "reshape": _reshape,
}
