"""What most operators ask of their input while a program is read."""

from __future__ import annotations

from typing import Any

from toolkit.lower.constants import real
from toolkit.lower.ir import Value
from toolkit.ops.base import Reader


def real_input(arg: Any, reader: Reader) -> Value:
    """Return the value of ``arg``, which must hold real numbers: quantized int8 or int16, or float32."""
    value = reader.value(arg)
    if value.dtype not in ("float32", "int8", "int16"):
        raise reader.unsupported(f"{value.dtype} values")
    return value


def reals(value: Value) -> Value:
    """Return ``value``, or the real numbers that the integers of a constant stand for."""
    if value.data is None or value.quant is None:
        return value
    return Value(f"{value.name}_real", value.shape, data=real(value))


def node_shape(node: Any) -> tuple[int, ...]:
    """Return the shape of a node's (first) output."""
    meta = node.meta["val"]
    return tuple((meta[0] if isinstance(meta, (tuple, list)) else meta).shape)
