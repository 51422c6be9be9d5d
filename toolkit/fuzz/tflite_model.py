"""A recipe as an int8 ``.tflite`` file with ranges observed on samples; and LiteRT's reference kernels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from toolkit.fuzz.recipe import Layer, Recipe
from toolkit.fuzz.torch_model import RecipeModule

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
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    reference = OpResolverType.BUILTIN_REF
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=reference, num_threads=1)
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    outputs = []
    for sample in inputs:
        interpreter.set_tensor(source, sample[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(result).copy())
    return np.concatenate(outputs)


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the file: its number, shape, and how int8 stands for reals."""

    index: int
    shape: tuple[int, ...]
    scale: float
    zero_point: int


class _Maker:
    def __init__(self, recipe: Recipe, samples: np.ndarray) -> None:
        from ai_edge_litert import schema_py_generated as schema

        self.schema = schema
        self.recipe = recipe
        with torch.no_grad():
            runs = [RecipeModule(recipe).every(torch.from_numpy(sample[None])) for sample in samples]
        self.ranges = [
            (min(float(r[i].min()) for r in runs), max(float(r[i].max()) for r in runs))
            for i in range(len(runs[0]))
        ]
        self.buffers = [schema.BufferT()]
        self.tensors: list[Any] = []
        self.operators: list[Any] = []
        self.codes: list[Any] = []

    def file(self) -> bytes:
        import flatbuffers

        schema = self.schema
        made = [self.activation("x", file_shape(self.recipe.input_shape), *self.range(0))]
        for number, layer in enumerate(self.recipe.layers):
            made.append(self.layer(number, layer, [made[i] for i in layer.inputs]))
        graph, model = schema.SubGraphT(), schema.ModelT()
        graph.tensors, graph.operators, graph.name = self.tensors, self.operators, b"main"
        graph.inputs, graph.outputs = [made[0].index], [made[-1].index]
        model.version, model.operatorCodes, model.subgraphs, model.buffers = (
            3,
            self.codes,
            [graph],
            self.buffers,
        )
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def range(self, tensor: int) -> tuple[float, int]:
        """Return scale and zero point of a recipe's tensor, as a converter chooses them."""
        low, high = min(self.ranges[tensor][0], 0.0), max(self.ranges[tensor][1], 0.0)
        scale = float(np.float32(max(high - low, 0.01) / 255))
        return scale, int(np.clip(round(-128 - low / scale), -128, 127))

    def layer(self, number: int, layer: Layer, inputs: list[_Tensor]) -> _Tensor:
        x, shape, attrs = inputs[0], file_shape(layer.shape), layer.attrs
        scale, zero_point = FIXED.get(layer.op) or self.range(number + 1)
        if layer.op in KEEPS_SCALE:
            scale, zero_point = x.scale, x.zero_point
        if layer.op in ("concat", "maximum", "minimum"):
            inputs = [self.requantized(tensor, scale, zero_point) for tensor in inputs]

        def made(operator: str, version: int, sources: list[int], options: Any = None) -> _Tensor:
            output = self.activation(f"t{number + 1}", shape, scale, zero_point)
            return self.operator(operator, version, sources, output, options)

        sources = [tensor.index for tensor in inputs]
        if layer.op in UNARY:
            return made(*UNARY[layer.op], sources, self.options("Gelu") if layer.op == "gelu" else None)
        if layer.op in BINARY:
            name = {"maximum": "MaximumMinimum", "minimum": "MaximumMinimum"}.get(layer.op, layer.op.title())
            return made(*BINARY[layer.op], sources, self.options(name))
        match layer.op:
            case "conv":
                return self.convolution(number, layer, x, made)
            case "linear":
                weight, bias = self.weights(number, x, axis=0, per_channel=False)
                return made("FULLY_CONNECTED", 5, [x.index, weight, bias],
                            self.options("FullyConnected", keepNumDims=len(shape) > 2))  # fmt: skip
            case "add_constant" | "mul_constant":
                data = self.recipe.weights(number)["constant"]
                data = data.transpose(1, 2, 0) if data.ndim == 3 else data
                constant = self.quantized_constant(data[None])
                operator = layer.op.split("_")[0]
                return made(*BINARY[operator], [x.index, constant], self.options(operator.title()))
            case "silu":
                gate = self.operator(
                    "LOGISTIC", 2, sources, self.activation("gate", shape, 1 / 256, -128), None
                )
                return made("MUL", 2, [x.index, gate.index], self.options("Mul"))
            case "sigmoid":
                return made("LOGISTIC", 2, sources)
            case "tanh":
                return made("TANH", 2, sources)
            case "leaky_relu":
                return made("LEAKY_RELU", 2, sources, self.options("LeakyRelu", alpha=0.01))
            case "max_pool" | "avg_pool":
                (filterHeight, filterWidth), (strideH, strideW) = attrs["kernel"], attrs["stride"]
                window = {
                    "filterHeight": filterHeight,
                    "filterWidth": filterWidth,
                    "strideH": strideH,
                    "strideW": strideW,
                }
                operator = "MAX_POOL_2D" if layer.op == "max_pool" else "AVERAGE_POOL_2D"
                return made(
                    operator, 2, sources, self.options("Pool2D", padding=self.schema.Padding.VALID, **window)
                )
            case "mean":
                return made(
                    "MEAN", 2, [x.index, self.integers([1, 2])], self.options("Reducer", keepDims=False)
                )
            case "softmax":
                return made("SOFTMAX", 2, sources, self.options("Softmax", beta=1.0))
            case "concat":
                axis = 3 if len(shape) == 4 else 1
                return made("CONCATENATION", 2, sources, self.options("Concatenation", axis=axis))
            case "slice":
                begin = [0] * len(shape)
                begin[(3, 1, 2)[attrs["axis"]] if len(shape) == 4 else attrs["axis"] + 1] = attrs["first"]
                return made(
                    "SLICE", 2, [x.index, self.integers(begin), self.integers(shape)], self.options("Slice")
                )
            case "pad":
                pads = np.array([(0, 0), *attrs["pads"], (0, 0)], np.int32)
                return made(
                    "PAD",
                    2,
                    [x.index, self.constant(pads, self.schema.TensorType.INT32)],
                    self.options("Pad"),
                )
            case "flatten":
                if len(x.shape) == 4:
                    x = self.transposed(x, (0, 3, 1, 2))
                return made(
                    "RESHAPE",
                    1,
                    [x.index, self.integers(shape)],
                    self.options("Reshape", newShape=list(shape)),
                )
            case "tokens":
                return made(
                    "RESHAPE",
                    1,
                    [*sources, self.integers(shape)],
                    self.options("Reshape", newShape=list(shape)),
                )
            case "transpose":
                return made("TRANSPOSE", 2, [x.index, self.integers([0, 2, 1])], self.options("Transpose"))
            case "resize":
                sizes = self.integers(shape[1:3])
                return made(
                    "RESIZE_NEAREST_NEIGHBOR", 2, [x.index, sizes], self.options("ResizeNearestNeighbor")
                )
        raise ValueError(f"no layer is called {layer.op}")

    def convolution(self, number: int, layer: Layer, x: _Tensor, made: Any) -> _Tensor:
        attrs = layer.attrs
        if any(attrs["pad"]):  # the file's own kinds of padding are SAME and VALID
            pads = np.array([(0, 0), *((p, p) for p in attrs["pad"]), (0, 0)], np.int32)
            sizes = [n + 2 * p for n, p in zip(x.shape[1:3], attrs["pad"], strict=True)]
            wide = self.activation("padded", (1, *sizes, x.shape[3]), x.scale, x.zero_point)
            inputs = [x.index, self.constant(pads, self.schema.TensorType.INT32)]
            x = self.operator("PAD", 2, inputs, wide, self.options("Pad"))
        depthwise = attrs["groups"] > 1
        weight, bias = self.weights(number, x, axis=3 if depthwise else 0, per_channel=True)
        (strideH, strideW), (dilationHFactor, dilationWFactor) = attrs["stride"], attrs["dilation"]
        fields = {"strideH": strideH, "strideW": strideW, "dilationHFactor": dilationHFactor,
                  "dilationWFactor": dilationWFactor, "padding": self.schema.Padding.VALID}  # fmt: skip
        if depthwise:
            fields["depthMultiplier"] = layer.shape[0] // attrs["groups"]
            return made(
                "DEPTHWISE_CONV_2D", 3, [x.index, weight, bias], self.options("DepthwiseConv2D", **fields)
            )
        return made("CONV_2D", 3, [x.index, weight, bias], self.options("Conv2D", **fields))

    def weights(self, number: int, x: _Tensor, *, axis: int, per_channel: bool) -> tuple[int, int]:
        """Return the tensor numbers of a layer's int8 weight and int32 bias, output channels on ``axis``."""
        constants = self.recipe.weights(number)
        weight = constants["weight"]
        if weight.ndim == 4:
            weight = weight[:, 0].transpose(1, 2, 0)[None] if axis == 3 else weight.transpose(0, 2, 3, 1)
        others = tuple(i for i in range(weight.ndim) if i != axis)
        largest = np.abs(weight).max(others if per_channel else None)
        scales = np.maximum(np.atleast_1d(largest) / 127, 1e-9).astype(np.float32)
        by_axis = scales.reshape([-1 if i == axis and per_channel else 1 for i in range(weight.ndim)])
        data = np.clip(np.rint(weight / by_axis), -127, 127).astype(np.int8)
        bias_scales = (np.float32(x.scale) * scales).astype(np.float32)
        bias = np.rint(constants["bias"] / bias_scales).astype(np.int32)
        kinds = self.schema.TensorType
        zeros = np.zeros(len(scales), np.int64)
        return (
            self.constant(data, kinds.INT8, self.quantization(scales, zeros, axis)),
            self.constant(bias, kinds.INT32, self.quantization(bias_scales, zeros, 0)),
        )

    def requantized(self, x: _Tensor, scale: float, zero_point: int) -> _Tensor:
        if (x.scale, x.zero_point) == (scale, zero_point):
            return x
        output = self.activation("requantized", x.shape, scale, zero_point)
        return self.operator("QUANTIZE", 2, [x.index], output, self.options("Quantize"))

    def transposed(self, x: _Tensor, dims: tuple[int, ...]) -> _Tensor:
        output = self.activation("transposed", tuple(x.shape[d] for d in dims), x.scale, x.zero_point)
        return self.operator(
            "TRANSPOSE", 2, [x.index, self.integers(dims)], output, self.options("Transpose")
        )

    # Below: the file's tables.

    def activation(self, name: str, shape: tuple[int, ...], scale: float, zero_point: int) -> _Tensor:
        quantization = self.quantization(np.array([scale], np.float32), np.array([zero_point]), 0)
        index = self.tensor(name, shape, self.schema.TensorType.INT8, quantization)
        return _Tensor(index, shape, float(np.float32(scale)), zero_point)

    def quantized_constant(self, data: np.ndarray) -> int:
        scale = np.array([max(float(np.abs(data).max()), 1e-6) / 127], np.float32)
        integers = np.rint(data / scale[0]).astype(np.int8)
        return self.constant(integers, self.schema.TensorType.INT8, self.quantization(scale, np.zeros(1), 0))

    def integers(self, values: Any) -> int:
        return self.constant(np.array(values, np.int32), self.schema.TensorType.INT32)

    def constant(self, data: np.ndarray, kind: int, quantization: Any = None) -> int:
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self.buffers.append(buffer)
        return self.tensor("constant", data.shape, kind, quantization, len(self.buffers) - 1)

    def tensor(self, name: str, shape: tuple[int, ...], kind: int, quantization: Any, buffer: int = 0) -> int:
        table = self.schema.TensorT()
        table.name, table.shape, table.type = f"{name}_{len(self.tensors)}".encode(), list(shape), kind
        table.quantization, table.buffer = quantization, buffer
        self.tensors.append(table)
        return len(self.tensors) - 1

    def quantization(self, scales: np.ndarray, zero_points: np.ndarray, axis: int) -> Any:
        table = self.schema.QuantizationParametersT()
        table.scale, table.zeroPoint, table.quantizedDimension = scales, zero_points.astype(np.int64), axis
        return table

    def options(self, name: str, **fields: Any) -> Any:
        table = getattr(self.schema, f"{name}OptionsT")()
        for field, value in fields.items():
            setattr(table, field, value)
        return table

    def operator(self, name: str, version: int, sources: list[int], output: _Tensor, options: Any) -> _Tensor:
        schema = self.schema
        code, node = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        node.opcodeIndex, node.inputs, node.outputs = len(self.codes), sources, [output.index]
        if options is not None:
            node.builtinOptions = options
            node.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
        self.codes.append(code)
        self.operators.append(node)
        return output


def file_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the file's shape of a recipe's: with a batch of one, and channels last where there are pixels."""
    return (1, shape[1], shape[2], shape[0]) if len(shape) == 3 else (1, *shape)
