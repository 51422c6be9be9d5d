"""Write a lowered int8 model as a ``.tflite`` file: the same layers, weights and scales for LiteRT to run."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.lower.ir import Model, Quantization, Step, Value
from toolkit.program.tflite.writer import FileWriter, options

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
    writer = FileWriter()
    for step in model.steps:
        kind, table = _KINDS[step.op](step)
        writer.operator(kind, _inputs(step), [step.output], table, VERSIONS.get(kind, 3))
    return writer.file(model.inputs, model.outputs)


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
    table.fusedActivationFunction = _activation(step)
    return table


def _conv2d(step: Step) -> tuple[str, Any]:
    return "CONV_2D", _window(step, schema.Conv2DOptionsT())


def _depthwise(step: Step) -> tuple[str, Any]:
    table = _window(step, schema.DepthwiseConv2DOptionsT())
    table.depthMultiplier = step.output.shape[3] // step.inputs[0].shape[3]
    return "DEPTHWISE_CONV_2D", table


def _fully_connected(step: Step) -> tuple[str, Any]:
    return "FULLY_CONNECTED", options("FullyConnected", fusedActivationFunction=_activation(step))


def _add(step: Step) -> tuple[str, Any]:
    return "ADD", options("Add", fusedActivationFunction=_activation(step))


def _avg_pool2d(step: Step) -> tuple[str, Any]:
    table = options("Pool2D", padding=schema.Padding.VALID)
    table.filterHeight, table.filterWidth = step.attrs["kernel"]
    table.strideH, table.strideW = step.attrs["stride"]
    return "AVERAGE_POOL_2D", table


def _softmax(step: Step) -> tuple[str, Any]:
    return "SOFTMAX", options("Softmax", beta=1.0)


def _reshape(step: Step) -> tuple[str, Any]:
    return "RESHAPE", options("Reshape", newShape=list(step.output.shape))


def _activation(step: Step) -> int:
    return ACTIVATIONS[step.attrs.get("activation")]


_KINDS = {
    "conv2d": _conv2d,
    "depthwise_conv2d": _depthwise,
    "fully_connected": _fully_connected,
    "add": _add,
    "avg_pool2d": _avg_pool2d,
    "softmax": _softmax,
    "reshape": _reshape,
}
