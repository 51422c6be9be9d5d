"""QuantizeLinear and DequantizeLinear: where reals become integers and back, kept as the file has them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Quantization
from toolkit.program.imported import dequantized, quantized
from toolkit.program.onnx.node import Computed, Node, Tensor, axis_of
from toolkit.program.onnx.refusal import UnsupportedError

SHIFT = 128  # uint8 less this is int8
_INT8, _UINT8, _INT4, _UINT4 = 3, 2, 22, 21
_NAMES = {_INT8: "int8", _UINT8: "uint8", 0: ""}
_RANGES = {"int8": (-128, 127), "int32": (-(2**31), 2**31 - 1)}


def _parameters(node: Node) -> tuple[np.ndarray, np.ndarray | None]:
    """Return scales (float64) and zero points."""
    scale = node.constant(1, "the scale").astype(np.float64)
    if not (np.isfinite(scale).all() and (scale > 0).all() and scale.size):
        raise UnsupportedError("a scale that is not a positive number")
    if node.integer("block_size", 0) or scale.ndim > 1:
        raise UnsupportedError("scales by blocks")
    zero_point = node.constant(2, "the zero point") if node.optional(2) is not None else None
    if zero_point is not None and (zero_point.size != scale.size or zero_point.dtype.kind not in "iu"):
        raise UnsupportedError("zero points that do not fit the scales")
    return scale, zero_point


def _quantization(
    scale: np.ndarray, zero_point: np.ndarray | None, dtype: str, axis: int | None
) -> Quantization:
    """Return the quantization of integers held as ``dtype``; zero points of uint8 are shifted already."""
    scale = np.atleast_1d(scale)
    zeros = (
        np.zeros(scale.shape, np.int64) if zero_point is None else np.atleast_1d(zero_point).astype(np.int64)
    )
    return Quantization(scale, zeros, *_RANGES[dtype], None if scale.size == 1 else axis)


def _integer_type(node: Node, zero_point: np.ndarray | None) -> str:
    wanted = node.integer("output_dtype", 0)
    if wanted not in _NAMES:
        raise UnsupportedError("quantization to another type than int8 and uint8")
    name = str(zero_point.dtype) if zero_point is not None else _NAMES[wanted] or "uint8"
    if name not in ("int8", "uint8"):
        raise UnsupportedError(f"quantization to {name}; int8 and uint8 are supported")
    return name


def _quantize(node: Node) -> Computed | Tensor:
    scale, zero_point = _parameters(node)
    name = _integer_type(node, zero_point)
    if node.x.data is not None:
        return _quantize_constant(node, scale, zero_point, name)
    if node.x.dtype != "float32":
        raise UnsupportedError(f"quantization of {node.x.dtype}")
    if scale.size > 1:
        raise UnsupportedError("scales per channel for an activation; quantize it per tensor")
    unsigned = name == "uint8"
    zeros = None if zero_point is None else zero_point.astype(np.int64)
    if unsigned:
        zeros = (np.zeros(scale.shape, np.int64) if zeros is None else zeros) - SHIFT
    quant = _quantization(scale, zeros, "int8", None)
    return Computed(lambda x: quantized(x, quant), [node.x], quant=quant, unsigned=unsigned)


def _quantize_constant(node: Node, scale: np.ndarray, zero_point: np.ndarray | None, name: str) -> Tensor:
    shape = [1] * len(node.x.shape)
    if scale.size > 1:
        shape[axis_of(node.integer("axis", 1), len(shape))] = -1
    scale, zeros = (
        scale.reshape(shape),
        0 if zero_point is None else zero_point.astype(np.int64).reshape(shape),
    )
    limits = np.iinfo(name)
    data = np.rint(node.constant(0, "x").astype(np.float64) / scale) + zeros
    data = np.clip(data, limits.min, limits.max).astype(name).reshape(node.x.shape)
    return Tensor("", data.shape, name, data)


def _dequantize(node: Node) -> Computed | Tensor:
    scale, zero_point = _parameters(node)
    x = node.x
    if x.data is not None:
        return _dequantize_constant(node, scale, zero_point)
    if not x.is_integer:
        raise UnsupportedError(f"integers of type {x.dtype}; int8 and uint8 are supported")
    if scale.size > 1:
        raise UnsupportedError("scales per channel for an activation; quantize it per tensor")
    zeros = np.zeros(scale.shape, np.int64) if zero_point is None else zero_point.astype(np.int64)
    quant = _quantization(scale, zeros - (SHIFT if x.unsigned else 0), "int8", None)
    if not -128 <= int(quant.zero_point[0]) <= 127:
        raise UnsupportedError("a zero point outside the integers' range")
    return Computed(lambda x: dequantized(x, quant), [x])


def _dequantize_constant(node: Node, scale: np.ndarray, zero_point: np.ndarray | None) -> Tensor:
    """Return a constant of reals that keeps its integers."""
    data = node.x.data
    assert data is not None
    axis = axis_of(node.integer("axis", 1), data.ndim) if scale.size > 1 else None
    if axis is not None and scale.size != data.shape[axis]:
        raise UnsupportedError(f"{scale.size} scales for {data.shape[axis]} channels")
    zeros = np.zeros(scale.shape, np.int64) if zero_point is None else zero_point.astype(np.int64)
    if str(data.dtype) == "uint8":
        data, zeros = (data.astype(np.int16) - SHIFT).astype(np.int8), zeros - SHIFT
    dtype = str(data.dtype)
    if dtype not in _RANGES:
        raise UnsupportedError(f"a constant of type {dtype}; int8, uint8 and int32 are supported")
    quant = _quantization(scale, zeros, dtype, axis)
    if node.x.stored is not None and not zeros.any():
        low, high = node.x.stored
        if data.min(initial=0) > low:  # a symmetric range, as the toolkit has it
            low += 1
        quant = replace(quant, qmin=low, qmax=high)
    return Tensor(node.x.name, data.shape, "float32", np.ascontiguousarray(data), quant)


RULES = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "com.microsoft::QuantizeLinear": _quantize,
    "com.microsoft::DequantizeLinear": _dequantize,
}
