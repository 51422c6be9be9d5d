"""Layers with weights: convolutions, fully connected layers.

The narrowest types that LiteRT 2.3 runs were found by experiment; docs/formats.md lists them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from toolkit.backends.litert.graph import RUN_TIME_WEIGHTS, Graph, Unsupported
from toolkit.backends.litert.windows import VALID, Axis, padded, padding_of
from toolkit.lower.ir import Quantization, Step, Value
from toolkit.program.tflite.writer import options

FULLY_CONNECTED_TYPES = ("int2", "int4", "int8")
CONVOLUTION_TYPES = ("int4", "int8")
INT32 = (-(2**31), 2**31 - 1)


def fully_connected(step: Step, graph: Graph) -> None:
    """Weight (O, I)."""
    x, y = step.inputs[0], step.output
    weight = graph.weight(step, step.inputs[1], _types(step, FULLY_CONNECTED_TYPES))
    kind, made = graph.fused(step)
    rows = y.size // weight.shape[0]
    keeps = len(x.shape) > 2 and x.shape[:-1] == y.shape[:-1]
    whole = made if keeps or y.shape == (rows, weight.shape[0]) else graph.between(y, (rows, weight.shape[0]))
    version = 11 if x.dtype == "int16" else {"int2": 14, "int4": 10}.get(weight.dtype, 5)
    table = options("FullyConnected", fusedActivationFunction=kind, keepNumDims=keeps)
    graph.add("FULLY_CONNECTED", [x, weight, *_bias(step, graph, weight)], whole, table, version)
    if whole is not made:
        graph.reshaped(whole, made)
    graph.finish(step, made)


def conv2d(step: Step, graph: Graph) -> None:
    """Weight (O, H, W, I); in groups where the input has more channels than that."""
    weight = graph.weight(step, step.inputs[1], _types(step, CONVOLUTION_TYPES))
    _convolution(step, graph, "CONV_2D", weight, weight.shape[1:3], options("Conv2D"), (3, 7))


def grouped_conv2d(step: Step, graph: Graph) -> None:
    """As ``conv2d``."""
    conv2d(step, graph)


def depthwise_conv2d(step: Step, graph: Graph) -> None:
    """Weight (H, W, C * multiplier)."""
    w = step.inputs[1]
    if w.data is None:
        raise Unsupported(RUN_TIME_WEIGHTS)
    quant = w.quant if w.quant is None or w.quant.axis is None else replace(w.quant, axis=3)
    whole = replace(w, shape=(1, *w.shape), data=w.data[None], quant=quant)
    weight = graph.weight(step, whole, _types(step, CONVOLUTION_TYPES))
    table = options("DepthwiseConv2D", depthMultiplier=step.output.shape[3] // step.inputs[0].shape[3])
    _convolution(step, graph, "DEPTHWISE_CONV_2D", weight, w.shape[:2], table, (3, 6))


def conv_transpose2d(step: Step, graph: Graph) -> None:
    """Weight (O, H, W, I). All that the windows reach is made, and the output cut out of it where it is less."""
    x, y, weight = step.inputs[0], step.output, graph.weight(step, step.inputs[1])
    if tuple(step.attrs["dilation"]) != (1, 1):
        raise Unsupported(f"a dilation of {step.attrs['dilation']}")
    strides, before = step.attrs["stride"], [first for first, _ in step.attrs["pads"]]
    axes = zip(x.shape[1:3], y.shape[1:3], weight.shape[1:3], strides, before, strict=True)
    sizes = [max((size - 1) * stride + kernel, out + first) for size, out, kernel, stride, first in axes]
    made = y if step.attrs.get("activation") is None else graph.between(y)  # its versions here take no bounds
    whole = made if (1, *sizes, y.shape[3]) == y.shape else graph.between(y, (1, *sizes, y.shape[3]))
    table = options("TransposeConv", padding=VALID, strideH=strides[0], strideW=strides[1])
    inputs = [graph.integers(whole.shape), weight, x, *_bias(step, graph, weight)]
    graph.add("TRANSPOSE_CONV", inputs, whole, table, 3)
    if whole is not made:
        box = [graph.integers([0, *before, 0]), graph.integers(y.shape)]
        graph.add("SLICE", [whole, *box], made, options("Slice"), 2)
    graph.finish(step, made)


def _convolution(
    step: Step,
    graph: Graph,
    name: str,
    weight: Value,
    kernel: tuple[int, ...],
    table: Any,
    versions: tuple[int, int],
) -> None:
    x, y = step.inputs[0], step.output
    stride, dilation, pads = (step.attrs[key] for key in ("stride", "dilation", "pads"))
    axes = [
        Axis(x.shape[i + 1], y.shape[i + 1], kernel[i], stride[i], dilation[i], pads[i][0]) for i in (0, 1)
    ]
    table.padding = padding_of(axes)
    if table.padding is None:
        x, table.padding = padded(graph, x, axes), VALID
    table.strideH, table.strideW = stride
    table.dilationHFactor, table.dilationWFactor = dilation
    table.fusedActivationFunction, made = graph.fused(step)
    version = 5 if x.dtype == "int16" else versions[weight.dtype == "int4"]
    graph.add(name, [x, weight, *_bias(step, graph, weight)], made, table, version)
    graph.finish(step, made)


def _types(step: Step, types: tuple[str, ...]) -> tuple[str, ...]:
    """Return the types a weight may have: depthwise kernels read narrow ones wrong under int16 activations."""
    return ("int8",) if step.inputs[0].dtype == "int16" else types


def _bias(step: Step, graph: Graph, weight: Value) -> list[Value]:
    """Return the bias where there is one: of int8 an int32 one, of int16 an int64 one, at the scale of the products.

    Convolutions of integers do not run without one.
    """
    x, data = step.inputs[0], step.inputs[2].data if len(step.inputs) > 2 else None
    if data is None and len(step.inputs) > 2:
        raise Unsupported(RUN_TIME_WEIGHTS)
    if weight.quant is None or x.quant is None:
        return [] if data is None else [graph.constant(f"{step.name}.bias", data.astype(np.float32))]
    if data is None:
        if step.op.startswith("fully_connected"):
            return []
        data = np.zeros(step.output.shape[-1])
    scale = x.quant.scale * weight.quant.scale
    axis = None if weight.quant.axis is None else 0
    quant = Quantization(scale, np.zeros(scale.size, np.int64), *INT32, axis)
    dtype = np.int64 if x.dtype == "int16" else np.int32
    return [graph.constant(f"{step.name}.bias", data.astype(dtype), quant)]
