"""Weights and biases of the file, as layers store them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Quantization
from toolkit.program.tflite.file import Tensor
from toolkit.program.tflite.op import INTEGER_FIX, INTEGERS, NARROW, Constant, Op, Unsupported

BIAS_TOLERANCE = 0.02  # of the output's scale, as LiteRT allows a bias's scale to be off
INT32 = (-(2**31), 2**31 - 1)


def weight_of(op: Op, index: int, axis: int, order: tuple[int, ...]) -> Constant:
    """Return a weight, its axes in torch's ``order``; scales, if there are several, lie along the file's ``axis``.

    The range is what the weight's type means: -127..127 for int8, unless the file uses -128.
    """
    x, tensor = op.input(0), op.input(index)
    if tensor.data is None:
        raise Unsupported(f"its weight {tensor} is not constant")
    if len(tensor.shape) != len(order):
        raise op.damaged(f"its weight {tensor} has shape {list(tensor.shape)}")
    data = tensor.data.transpose(order)
    if tensor.dtype in ("float32", "float16"):
        if x.dtype != "float32":
            raise Unsupported(f"its weight is {tensor.dtype} and its input {x.dtype}")
        return Constant(data)
    if tensor.dtype not in ("int8", *NARROW) or x.dtype not in INTEGERS or op.output.dtype != x.dtype:
        raise Unsupported(
            f"its weight is {tensor.dtype}, its input {x.dtype}, its output {op.output.dtype} "
            f"(dynamic range quantization): {INTEGER_FIX}"
        )
    quant = tensor.quant
    if quant is None:
        raise Unsupported(f"its weight {tensor} is {tensor.dtype} and has no scale")
    if quant.zero_point.any():
        raise Unsupported(f"its weight {tensor} has a zero point other than 0")
    if quant.axis not in (None, axis):
        raise Unsupported(f"its weight {tensor} has scales along axis {quant.axis} instead of {axis}")
    low = -quant.qmax if data.min() >= -quant.qmax else quant.qmin
    return Constant(
        data, replace(quant, qmin=low, axis=None if quant.axis is None else order.index(quant.axis))
    )


def bias_of(op: Op, index: int, weight: Constant) -> Constant | None:
    """Return a bias. An int32 one counts in ``input scale * weight scale``, whatever digits the file gives for that."""
    tensor, x, y = op.optional(index), op.input(0), op.output
    if tensor is None:
        return None
    if tensor.data is None:
        raise Unsupported(f"its bias {tensor} is not constant")
    if len(tensor.shape) != 1:
        raise op.damaged(f"its bias {tensor} has shape {list(tensor.shape)}")
    if weight.quant is None:
        if tensor.dtype not in ("float32", "float16"):
            raise Unsupported(f"its bias is {tensor.dtype} and its weight float")
        return Constant(tensor.data)
    if tensor.dtype not in ("int32", "int64"):
        raise Unsupported(f"its bias {tensor} is {tensor.dtype} instead of int32 or int64")
    if np.abs(tensor.data).max() >= INT32[1]:
        raise Unsupported(f"its bias {tensor} needs more than 32 bits")
    assert x.quant is not None
    assert y.quant is not None
    scale = x.quant.scale[0] * weight.quant.scale
    _check_scale(op, tensor, scale, float(y.quant.scale[0]))
    axis = None if weight.quant.axis is None else 0
    zeros = np.zeros(scale.shape, np.int64)
    return Constant(tensor.data.astype(np.int32), Quantization(scale, zeros, *INT32, axis))


def _check_scale(op: Op, tensor: Tensor, scale: np.ndarray, output_scale: float) -> None:
    if tensor.quant is None:
        return
    if tensor.quant.zero_point.any():
        raise Unsupported(f"its bias {tensor} has a zero point other than 0")
    if len(tensor.quant.scale) not in (1, len(scale)):
        raise op.damaged(f"its bias has {len(tensor.quant.scale)} scales for {len(scale)} channels")
    if (np.abs(tensor.quant.scale - scale) > BIAS_TOLERANCE * output_scale).any():
        raise op.damaged("its bias has another scale than its input's times its weight's")
