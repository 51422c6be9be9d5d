"""Scale and zero point of a value that is quantized per tensor to int8."""

from __future__ import annotations

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


def _quant(value: Value) -> Quantization:
    if value.quant is None:
        raise ValueError(f"{value} is not quantized")
    return value.quant
