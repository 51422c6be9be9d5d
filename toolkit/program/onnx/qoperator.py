"""Operators on integers, as dequantize, the operator on reals, quantize: the form that everything else here reads.

The integers, scales and zero points stay those of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from toolkit.program.onnx.node import RawNode, Tensor
from toolkit.program.onnx.refusal import UnsupportedError

_MS = "com.microsoft"
DYNAMIC = {"DynamicQuantizeLinear", "MatMulInteger", "ConvInteger", "com.microsoft::DynamicQuantizeMatMul",
           "com.microsoft::MatMulIntegerToFloat", "com.microsoft::DynamicQuantizeLSTM"}  # fmt: skip
# operators that may work on the integers themselves, for they choose, move or compare them
MOVERS = {"MaxPool", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather", "Concat",
          "DepthToSpace", "SpaceToDepth", "Expand", "Tile", "Pad", "Max", "Min", "Relu", "ReduceMax", "ReduceMin",
          "GlobalMaxPool", "Resize"}  # fmt: skip


class Constants(Protocol):
    """What an expansion asks of the reader."""

    def value(self, name: str, what: str) -> np.ndarray:
        """Return a constant."""

    def add(self, name: str, data: np.ndarray) -> str:
        """Add a constant; return its name."""

    def rank(self, name: str) -> int:
        """Return how many axes a tensor has."""


class _Expansion:
    """Builds the nodes that stand for one."""

    def __init__(self, raw: RawNode, constants: Constants) -> None:
        self.raw, self.constants = raw, constants
        self.nodes: list[RawNode] = []

    def name(self, index: int) -> str:
        inputs = self.raw.inputs
        return inputs[index] if index < len(inputs) else ""

    def dequantize(self, x: str, scale: str, zero_point: str, axis: int = 0) -> str:
        out = f"{self.raw.label}/{len(self.nodes)}/dequantized"
        inputs = [x, scale, zero_point] if zero_point else [x, scale]
        self.nodes.append(
            RawNode("DequantizeLinear", inputs, [out], {"axis": axis}, f"{self.raw.label}/input")
        )
        return out

    def input(self, first: int, axis: int = 0) -> str:
        """Dequantize the three inputs tensor, scale, zero point."""
        return self.dequantize(self.name(first), self.name(first + 1), self.name(first + 2), axis)

    def bias(self, index: int, x_scale: int, weight_scale: int) -> list[str]:
        """Return the bias, whose scale is the product of input's and weight's; none where it is left out."""
        if not self.name(index):
            return []
        scales = [
            self.constants.value(self.name(i), "a scale").astype(np.float64) for i in (x_scale, weight_scale)
        ]
        scale = (scales[0].reshape(()) * scales[1]).astype(np.float32)
        name = self.constants.add(f"{self.raw.label}/bias_scale", scale)
        return [self.dequantize(self.name(index), name, "")]

    def compute(self, op: str, inputs: list[str], scale: str, zero_point: str, domain: str = "",
                attributes: dict[str, Any] | None = None) -> list[RawNode]:  # fmt: skip
        """Add the operator on reals, and quantize its output; without a scale that stays real."""
        raw = self.raw
        out = f"{raw.label}/real" if scale else raw.outputs[0]
        kept = raw.attributes if attributes is None else attributes
        self.nodes.append(RawNode(op, inputs, [out], kept, raw.label, domain))
        if scale:
            parameters = [scale, zero_point] if zero_point else [scale]
            self.nodes.append(
                RawNode("QuantizeLinear", [out, *parameters], raw.outputs[:1], {}, f"{raw.label}/output")
            )
        return self.nodes


def _conv(e: _Expansion) -> list[RawNode]:
    x, weight = e.input(0), e.input(3)
    return e.compute("Conv", [x, weight, *e.bias(8, 1, 4)], e.name(6), e.name(7))


def _matmul(e: _Expansion) -> list[RawNode]:
    a = e.input(0)
    b = e.input(3, axis=max(e.constants.rank(e.name(3)) - 1, 0))
    return e.compute("MatMul", [a, b], e.name(6), e.name(7))


def _gemm(e: _Expansion) -> list[RawNode]:
    if e.raw.attributes.get("alpha", 1.0) != 1.0:
        raise UnsupportedError("alpha other than 1")
    a = e.input(0)
    b = e.input(3, axis=0 if e.raw.attributes.get("transB", 0) else 1)
    return e.compute("Gemm", [a, b, *e.bias(6, 1, 4)], e.name(7), e.name(8))


def _binary(op: str) -> Callable[[_Expansion], list[RawNode]]:
    return lambda e: e.compute(op, [e.input(0), e.input(3)], e.name(6), e.name(7))


def _unary(op: str, domain: str = "") -> Callable[[_Expansion], list[RawNode]]:
    return lambda e: e.compute(op, [e.input(0)], e.name(3), e.name(4), domain)


def _pool(op: str) -> Callable[[_Expansion], list[RawNode]]:
    def expand(e: _Expansion) -> list[RawNode]:
        if e.raw.attributes.get("channels_last", 0):
            raise UnsupportedError("channels_last")
        return e.compute(op, [e.input(0)], e.name(3), e.name(4))

    return expand


def _concat(e: _Expansion) -> list[RawNode]:
    inputs = [e.input(i) for i in range(2, len(e.raw.inputs), 3)]
    return e.compute("Concat", inputs, e.name(0), e.name(1))


EXPANSIONS: dict[str, Callable[[_Expansion], list[RawNode]]] = {
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    f"{_MS}::QGemm": _gemm,
    f"{_MS}::QLinearAdd": _binary("Add"),
    f"{_MS}::QLinearMul": _binary("Mul"),
    f"{_MS}::QLinearSigmoid": _unary("Sigmoid"),
    f"{_MS}::QLinearLeakyRelu": _unary("LeakyRelu"),
    f"{_MS}::QLinearSoftmax": _unary("Softmax"),
    f"{_MS}::QLinearReduceMean": _unary("ReduceMean"),
    f"{_MS}::QLinearGlobalAveragePool": _pool("GlobalAveragePool"),
    f"{_MS}::QLinearAveragePool": _pool("AveragePool"),
    f"{_MS}::QLinearConcat": _concat,
}


def expand(raw: RawNode, constants: Constants) -> list[RawNode] | None:
    """Return the nodes that stand for an operator on integers; None for another operator.

    Raises:
        UnsupportedError: scales that are computed at run time, or a form of the operator that is not read.
    """
    if raw.key in DYNAMIC:
        raise UnsupportedError(
            "scales found at run time: quantize the model statically, onnxruntime.quantization.quantize_static"
        )
    rule = EXPANSIONS.get(raw.key)
    return None if rule is None else rule(_Expansion(raw, constants))


def expand_mover(raw: RawNode, tensors: list[Tensor | None], constants: Constants) -> list[RawNode]:
    """Return the nodes that stand for one that moves or compares integers whose scale is known.

    Raises:
        UnsupportedError: another operator, integers without a known scale, or of differing scales.
    """
    if raw.op not in MOVERS or raw.domain:
        raise UnsupportedError("integers as input; only operators that move or compare values take them")
    integers = [t for t in tensors if t is not None and t.is_integer]
    quant, unsigned = integers[0].quant, integers[0].unsigned
    if quant is None or any(not quant.same_as(t.quant) or t.unsigned != unsigned for t in integers):
        raise UnsupportedError("integers whose scales differ or are not known")
    e = _Expansion(raw, constants)
    zero = np.array(int(quant.zero_point[0]) + (128 if unsigned else 0), np.uint8 if unsigned else np.int8)
    scale_name = constants.add(f"{raw.label}/scale", np.array(quant.scale[0], np.float32))
    zero_name = constants.add(f"{raw.label}/zero_point", zero)
    inputs = [
        e.dequantize(name, scale_name, zero_name) if _stands_for_reals(i, tensor, raw, zero.dtype) else name
        for i, (name, tensor) in enumerate(zip(raw.inputs, tensors, strict=True))
    ]
    reals = [f"{raw.label}/real/{i}" if name else "" for i, name in enumerate(raw.outputs)]
    e.nodes.append(RawNode(raw.op, inputs, reals, raw.attributes, raw.label))
    e.nodes += list(_quantize_all(raw, reals, scale_name, zero_name))
    return e.nodes


def _stands_for_reals(index: int, tensor: Tensor | None, raw: RawNode, dtype: np.dtype) -> bool:
    """True for integer activations, and for constants of their type that meet them (a pad's value, a maximum)."""
    if tensor is None:
        return False
    return tensor.is_integer or (
        tensor.data is not None and tensor.data.dtype == dtype and tensor.quant is None
    )


def _quantize_all(raw: RawNode, reals: list[str], scale: str, zero_point: str) -> Iterator[RawNode]:
    for real, name in zip(reals, raw.outputs, strict=True):
        if name:
            yield RawNode("QuantizeLinear", [real, scale, zero_point], [name], {}, f"{raw.label}/output")
