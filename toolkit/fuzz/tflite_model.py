"""A recipe as an int8 ``.tflite`` file with ranges observed on samples; and LiteRT's reference kernels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from toolkit.backends.litert.graph import Graph
from toolkit.fuzz.recipe import Layer, Recipe
from toolkit.fuzz.torch_model import RecipeModule
from toolkit.lower.ir import Quantization, Value, per_tensor
from toolkit.ops.int8_value import scale_of, zero_point_of
from toolkit.program.tflite.writer import options
from toolkit.verify.litert import ReferenceKernels

TO_LAST = (0, 2, 3, 1)
# Operators and the oldest version that takes int8.
UNARY = {
    "relu": ("RELU", 2),
    "relu6": ("RELU6", 2),
    "hardswish": ("HARD_SWISH", 1),
    "gelu": ("GELU", 2),
}
BINARY = {
    "add": ("ADD", 2),
    "sub": ("SUB", 3),
    "mul": ("MUL", 2),
    "maximum": ("MAXIMUM", 2),
    "minimum": ("MINIMUM", 2),
}
FIXED = {"sigmoid": (1 / 256, -128), "softmax": (1 / 256, -128), "tanh": (1 / 128, 0)}
KEEPS_SCALE = ("max_pool", "avg_pool", "slice", "pad", "flatten", "transpose", "tokens", "resize")


def supports(recipe: Recipe) -> bool:
    """True when LiteRT's reference kernels have every operator in int8: ELU is missing."""
    return all(layer.op != "elu" for layer in recipe.layers)


def build(recipe: Recipe, samples: np.ndarray) -> bytes:
    """Return the file; ``samples`` (count, *input_shape) set the activations' ranges."""
    return _Maker(recipe, samples).file()


def run(model: bytes, inputs: np.ndarray) -> np.ndarray:
    """Return the int8 outputs of LiteRT's reference kernels for int8 inputs, first axis the sample."""
    kernels = ReferenceKernels(model)
    return np.concatenate([kernels([sample[None]])[0] for sample in inputs])


class _Maker:
    def __init__(self, recipe: Recipe, samples: np.ndarray) -> None:
        self.recipe, self.graph, self.numbers = recipe, Graph(), count()
        with torch.no_grad():
            runs = [RecipeModule(recipe).every(torch.from_numpy(sample[None])) for sample in samples]
        self.ranges = [
            (min(float(r[i].min()) for r in runs), max(float(r[i].max()) for r in runs))
            for i in range(len(runs[0]))
        ]

    def file(self) -> bytes:
        made = [self.activation("x", file_shape(self.recipe.input_shape), *self.range(0))]
        for number, layer in enumerate(self.recipe.layers):
            made.append(self.layer(number, layer, [made[i] for i in layer.inputs]))
        return self.graph.writer.file(made[:1], made[-1:])

    def range(self, tensor: int) -> tuple[float, int]:
        """Return scale and zero point of a recipe's tensor, as a converter chooses them."""
        low, high = min(self.ranges[tensor][0], 0.0), max(self.ranges[tensor][1], 0.0)
        scale = float(np.float32(max(high - low, 0.01) / 255))
        return scale, int(np.clip(round(-128 - low / scale), -128, 127))

    def layer(self, number: int, layer: Layer, inputs: list[Value]) -> Value:
        x, shape, attrs = inputs[0], file_shape(layer.shape), layer.attrs
        scale, zero_point = FIXED.get(layer.op) or self.range(number + 1)
        if layer.op in KEEPS_SCALE:
            scale, zero_point = scale_of(x), zero_point_of(x)
        if layer.op in ("concat", "maximum", "minimum"):
            like = self.activation("y", shape, scale, zero_point)
            inputs = [self.graph.rescaled(tensor, like) for tensor in inputs]

        def made(operator: str, version: int, sources: Sequence[Value], table: Any = None) -> Value:
            output = self.activation(f"t{number + 1}", shape, scale, zero_point)
            return self.operator(operator, version, sources, output, table)

        if layer.op in UNARY:
            return made(*UNARY[layer.op], inputs, options("Gelu") if layer.op == "gelu" else None)
        if layer.op in BINARY:
            name = {"maximum": "MaximumMinimum", "minimum": "MaximumMinimum"}.get(layer.op, layer.op.title())
            return made(*BINARY[layer.op], inputs, options(name))
        match layer.op:
            case "conv":
                return self.convolution(number, layer, x, made)
            case "linear":
                weight, bias = self.weights(number, x, axis=0, per_channel=False)
                return made("FULLY_CONNECTED", 5, [x, weight, bias],
                            options("FullyConnected", keepNumDims=len(shape) > 2))  # fmt: skip
            case "add_constant" | "mul_constant":
                data = self.recipe.weights(number)["constant"]
                data = data.transpose(1, 2, 0) if data.ndim == 3 else data
                constant = self.quantized_constant(data[None])
                operator = layer.op.split("_")[0]
                return made(*BINARY[operator], [x, constant], options(operator.title()))
            case "silu":
                gate = self.operator(
                    "LOGISTIC", 2, inputs, self.activation("gate", shape, 1 / 256, -128), None
                )
                return made("MUL", 2, [x, gate], options("Mul"))
            case "sigmoid":
                return made("LOGISTIC", 2, inputs)
            case "tanh":
                return made("TANH", 2, inputs)
            case "leaky_relu":
                return made("LEAKY_RELU", 2, inputs, options("LeakyRelu", alpha=0.01))
            case "max_pool" | "avg_pool":
                (filterHeight, filterWidth), (strideH, strideW) = attrs["kernel"], attrs["stride"]
                window = {
                    "filterHeight": filterHeight,
                    "filterWidth": filterWidth,
                    "strideH": strideH,
                    "strideW": strideW,
                }
                operator = "MAX_POOL_2D" if layer.op == "max_pool" else "AVERAGE_POOL_2D"
                return made(operator, 2, inputs, options("Pool2D", padding=schema.Padding.VALID, **window))
            case "mean":
                return made("MEAN", 2, [x, self.graph.integers([1, 2])], options("Reducer", keepDims=False))
            case "softmax":
                return made("SOFTMAX", 2, inputs, options("Softmax", beta=1.0))
            case "concat":
                axis = 3 if len(shape) == 4 else 1
                return made("CONCATENATION", 2, inputs, options("Concatenation", axis=axis))
            case "slice":
                begin = [0] * len(shape)
                begin[(3, 1, 2)[attrs["axis"]] if len(shape) == 4 else attrs["axis"] + 1] = attrs["first"]
                return made(
                    "SLICE", 2, [x, self.graph.integers(begin), self.graph.integers(shape)], options("Slice")
                )
            case "pad":
                pads = self.graph.integers([(0, 0), *attrs["pads"], (0, 0)])
                return made("PAD", 2, [x, pads], options("Pad"))
            case "flatten":
                if len(x.shape) == 4:
                    x = self.transposed(x, (0, 3, 1, 2))
                return made(
                    "RESHAPE",
                    1,
                    [x, self.graph.integers(shape)],
                    options("Reshape", newShape=list(shape)),
                )
            case "tokens":
                return made(
                    "RESHAPE",
                    1,
                    [*inputs, self.graph.integers(shape)],
                    options("Reshape", newShape=list(shape)),
                )
            case "transpose":
                return made("TRANSPOSE", 2, [x, self.graph.integers([0, 2, 1])], options("Transpose"))
            case "resize":
                sizes = self.graph.integers(shape[1:3])
                return made("RESIZE_NEAREST_NEIGHBOR", 2, [x, sizes], options("ResizeNearestNeighbor"))
        raise ValueError(f"no layer is called {layer.op}")

    def convolution(self, number: int, layer: Layer, x: Value, made: Any) -> Value:
        attrs = layer.attrs
        if any(attrs["pad"]):  # the file's own kinds of padding are SAME and VALID
            pads = self.graph.integers([(0, 0), *((p, p) for p in attrs["pad"]), (0, 0)])
            sizes = [n + 2 * p for n, p in zip(x.shape[1:3], attrs["pad"], strict=True)]
            wide = self.activation("padded", (1, *sizes, x.shape[3]), scale_of(x), zero_point_of(x))
            x = self.operator("PAD", 2, [x, pads], wide, options("Pad"))
        depthwise = attrs["groups"] > 1
        weight, bias = self.weights(number, x, axis=3 if depthwise else 0, per_channel=True)
        (strideH, strideW), (dilationHFactor, dilationWFactor) = attrs["stride"], attrs["dilation"]
        fields = {"strideH": strideH, "strideW": strideW, "dilationHFactor": dilationHFactor,
                  "dilationWFactor": dilationWFactor, "padding": schema.Padding.VALID}  # fmt: skip
        if depthwise:
            fields["depthMultiplier"] = layer.shape[0] // attrs["groups"]
            return made("DEPTHWISE_CONV_2D", 3, [x, weight, bias], options("DepthwiseConv2D", **fields))
        return made("CONV_2D", 3, [x, weight, bias], options("Conv2D", **fields))

    def weights(self, number: int, x: Value, *, axis: int, per_channel: bool) -> tuple[Value, Value]:
        """Return a layer's int8 weight and int32 bias, output channels on ``axis``."""
        constants = self.recipe.weights(number)
        weight = constants["weight"]
        if weight.ndim == 4:
            weight = weight[:, 0].transpose(1, 2, 0)[None] if axis == 3 else weight.transpose(0, 2, 3, 1)
        others = tuple(i for i in range(weight.ndim) if i != axis)
        largest = np.abs(weight).max(others if per_channel else None)
        scales = np.maximum(np.atleast_1d(largest) / 127, 1e-9).astype(np.float32)
        by_axis = scales.reshape([-1 if i == axis and per_channel else 1 for i in range(weight.ndim)])
        data = np.clip(np.rint(weight / by_axis), -127, 127).astype(np.int8)
        bias_scales = (np.float32(scale_of(x)) * scales).astype(np.float32)
        bias = np.rint(constants["bias"] / bias_scales).astype(np.int32)
        zeros, limit = np.zeros(len(scales), np.int64), 2**31
        return (
            self.constant(data, Quantization(scales, zeros, -127, 127, axis)),
            self.constant(bias, Quantization(bias_scales, zeros, -limit, limit - 1, 0)),
        )

    def transposed(self, x: Value, order: tuple[int, ...]) -> Value:
        shape = tuple(x.shape[axis] for axis in order)
        output = self.activation("transposed", shape, scale_of(x), zero_point_of(x))
        self.graph.transposed(x, order, output)
        return output

    # Below: the file's tables.

    def activation(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> Value:
        quant = per_tensor(float(np.float32(scale)), zero_point)
        return Value(f"{name}_{next(self.numbers)}", shape, "int8", quant)

    def quantized_constant(self, data: np.ndarray) -> Value:
        scale = float(np.float32(max(float(np.abs(data).max()), 1e-6) / 127))
        return self.constant(np.rint(data / np.float32(scale)).astype(np.int8), per_tensor(scale))

    def constant(self, data: np.ndarray, quant: Quantization | None = None) -> Value:
        return self.graph.constant(f"constant_{next(self.numbers)}", data, quant)

    def operator(self, name: str, version: int, sources: Sequence[Value], output: Value, table: Any) -> Value:
        self.graph.add(name, sources, output, table, version)
        return output


def file_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the file's shape of a recipe's: with a batch of one, and channels last where there are pixels."""
    return (1, shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, *shape)
