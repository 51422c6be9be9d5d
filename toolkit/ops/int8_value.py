"""Scale and zero point of a quantized value."""

from __future__ import annotations

from math import prod

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Quantization, Value


def scale_of(value: Value) -> float:
    """Return the scale of a quantized value."""
    return float(_quant(value).scale[0])


def zero_point_of(value: Value) -> int:
    """Return the zero point of a quantized value."""
    return int(_quant(value).zero_point[0])


def per_tensor_int8(value: Value, at: str) -> Quantization:
    """Return the value's quantization.

    Raises:
        ToolkitError: it is not int8 with one scale.
    """
    quant = value.quant
    if quant is not None and quant.per_tensor and value.dtype == "int8":
        return quant
    kind = value.dtype if quant is None or quant.per_tensor else f"{value.dtype} per channel"
    raise ToolkitError(
        f"an activation is quantized to {kind}, which has no kernels",
        at=at,
        fix="quantize activations per tensor to int8 (quant_min=-128, quant_max=127)",
    )


def of_channels(value: Value, at: str) -> tuple[Quantization, int, tuple[int, int, int]]:
    """Return the quantization of a value with a scale for each channel, the zero point of all, and how many values lie
    outside, along and inside the channels' axis.

    Raises:
        ToolkitError: the channels differ in their zero points, or the integers are neither int8 nor int32.
    """
    quant = _quant(value)
    assert quant.axis is not None
    if value.dtype not in ("int8", "int32"):
        raise ToolkitError(
            f"values of the run have a scale for each channel and are {value.dtype}, which has no kernels",
            at=at,
            fix="quantize weights to int8 and biases to int32",
        )
    zero_points = np.unique(quant.zero_point)
    if len(zero_points) > 1:
        raise ToolkitError(
            "values of the run have a zero point for each channel",
            at=at,
            fix="quantize weights symmetrically, zero standing for zero",
        )
    axis, shape = quant.axis, value.shape
    return quant, int(zero_points[0]), (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :]))


def along_channels(per_channel: np.ndarray, quant: Quantization, rank: int) -> np.ndarray:
    """Return numbers for each channel in the shape in which they meet an array of ``rank`` axes."""
    shape = [1] * rank
    assert quant.axis is not None
    shape[quant.axis] = -1
    return per_channel.reshape(shape)


def _quant(value: Value) -> Quantization:
    if value.quant is None:
        raise ValueError(f"{value} is not quantized")
    return value.quant
