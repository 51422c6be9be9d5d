"""A recipe as an ONNX model, float32; and quantized by ONNX Runtime's own tools."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.fuzz.recipe import Layer, Recipe

OPSET = 20
SIMPLE = {
    "relu": "Relu", "sigmoid": "Sigmoid", "tanh": "Tanh", "hardswish": "HardSwish", "gelu": "Gelu", "elu": "Elu",
    "add": "Add", "sub": "Sub", "mul": "Mul", "maximum": "Max", "minimum": "Min",
}  # fmt: skip


def build(recipe: Recipe) -> Any:
    """Return the ``ModelProto``; input ``x`` and output ``y``, batch of one, channels first."""
    from onnx import TensorProto, checker, helper

    maker = _Maker(recipe)
    for number in range(len(recipe.layers)):
        maker.layer(number)
    shapes = ((1, *recipe.input_shape), (1, *recipe.layers[-1].shape))
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip("xy", shapes, strict=True)]
    graph = helper.make_graph(maker.nodes, "recipe", ends[:1], ends[1:], maker.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
    checker.check_model(model, full_check=True)
    return model


def quantize(model: Path, quantized: Path, samples: np.ndarray, *, operators: bool = False) -> None:
    """Write ``model`` in int8: QDQ nodes, or with ``operators`` QLinear operators where ONNX Runtime has them."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Samples(CalibrationDataReader):
        def __init__(self) -> None:
            self.left: Iterator[np.ndarray] = iter(samples)

        def get_next(self) -> dict[str, np.ndarray] | None:
            sample = next(self.left, None)
            return None if sample is None else {"x": sample[None]}

    quantize_static(
        str(model),
        str(quantized),
        Samples(),
        quant_format=QuantFormat.QOperator if operators else QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
        extra_options={"WeightSymmetric": True},
    )


def run(model: Path, samples: np.ndarray) -> np.ndarray:
    """Return what ONNX Runtime computes, sample by sample, graph optimizations off."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"x": sample[None]})[0] for sample in samples])


class _Maker:
    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def layer(self, number: int) -> None:
        layer = self.recipe.layers[number]
        names = ["x" if i == 0 else f"t{i}" for i in layer.inputs]
        output = "y" if number == len(self.recipe.layers) - 1 else f"t{number + 1}"
        own = {
            name: self.constant(f"layer{number + 1}.{name}", data)
            for name, data in self.weights(number).items()
        }
        if layer.op in SIMPLE:
            self.node(SIMPLE[layer.op], names, output)
        else:
            getattr(self, f"_{layer.op}")(layer, names, output, own)

    def weights(self, number: int) -> dict[str, np.ndarray]:
        found = self.recipe.weights(number)
        if self.recipe.layers[number].op == "linear":
            found["weight"] = found["weight"].T
        return found

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> None:
        from onnx import helper

        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"{op}_{len(self.nodes)}", **attributes)
        )

    def constant(self, name: str, data: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(data), name))
        return name

    def integers(self, output: str, what: str, values: Any) -> str:
        return self.constant(f"{output}_{what}", np.array(values, np.int64))

    def _conv(self, layer: Layer, names: list[str], output: str, own: dict[str, str]) -> None:
        window = layer.attrs
        self.node("Conv", [*names, own["weight"], own["bias"]], output, kernel_shape=window["kernel"],
                  strides=window["stride"], pads=[*window["pad"], *window["pad"]], dilations=window["dilation"],
                  group=window["groups"])  # fmt: skip

    def _linear(self, layer: Layer, names: list[str], output: str, own: dict[str, str]) -> None:
        if len(layer.shape) == 1:
            self.node("Gemm", [*names, own["weight"], own["bias"]], output)
        else:
            self.node("MatMul", [*names, own["weight"]], f"{output}_product")
            self.node("Add", [f"{output}_product", own["bias"]], output)

    def _relu6(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        bounds = [
            self.constant(f"{output}_{n}", np.array(v, np.float32)) for n, v in (("low", 0), ("high", 6))
        ]
        self.node("Clip", [*names, *bounds], output)

    def _silu(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("Sigmoid", names, f"{output}_gate")
        self.node("Mul", [*names, f"{output}_gate"], output)

    def _leaky_relu(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("LeakyRelu", names, output, alpha=0.01)

    def _add_constant(self, _: Layer, names: list[str], output: str, own: dict[str, str]) -> None:
        self.node("Add", [*names, own["constant"]], output)

    def _mul_constant(self, _: Layer, names: list[str], output: str, own: dict[str, str]) -> None:
        self.node("Mul", [*names, own["constant"]], output)

    def _max_pool(self, layer: Layer, names: list[str], output: str, _: dict[str, str]) -> None:
        self.node("MaxPool", names, output, kernel_shape=layer.attrs["kernel"], strides=layer.attrs["stride"])

    def _avg_pool(self, layer: Layer, names: list[str], output: str, _: dict[str, str]) -> None:
        self.node(
            "AveragePool", names, output, kernel_shape=layer.attrs["kernel"], strides=layer.attrs["stride"]
        )

    def _mean(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("ReduceMean", [*names, self.integers(output, "axes", [2, 3])], output, keepdims=0)

    def _softmax(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("Softmax", names, output, axis=-1)

    def _concat(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("Concat", names, output, axis=1)

    def _slice(self, layer: Layer, names: list[str], output: str, _: dict[str, str]) -> None:
        cut = {"starts": layer.attrs["first"], "ends": layer.attrs["last"], "axes": layer.attrs["axis"] + 1}
        self.node("Slice", [*names, *(self.integers(output, k, [v]) for k, v in cut.items())], output)

    def _pad(self, layer: Layer, names: list[str], output: str, _: dict[str, str]) -> None:
        (top, bottom), (left, right) = layer.attrs["pads"]
        self.node(
            "Pad", [*names, self.integers(output, "pads", [0, 0, top, left, 0, 0, bottom, right])], output
        )

    def _flatten(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("Flatten", names, output, axis=1)

    def _transpose(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        self.node("Transpose", names, output, perm=[0, 2, 1])

    def _tokens(self, layer: Layer, names: list[str], output: str, _: dict[str, str]) -> None:
        count, channels = layer.shape
        self.node("Reshape", [*names, self.integers(output, "shape", [1, channels, count])], f"{output}_flat")
        self.node("Transpose", [f"{output}_flat"], output, perm=[0, 2, 1])

    def _resize(self, _: Layer, names: list[str], output: str, __: dict[str, str]) -> None:
        scales = self.constant(f"{output}_scales", np.array([1, 1, 2, 2], np.float32))
        self.node("Resize", [*names, "", scales], output, mode="nearest",
                  coordinate_transformation_mode="asymmetric", nearest_mode="floor")  # fmt: skip
