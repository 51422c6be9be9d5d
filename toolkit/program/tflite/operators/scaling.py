"""Between floats and integers, and from one scale to another."""

from __future__ import annotations

import torch

from toolkit.program.tflite.op import INTEGERS, NARROW, Layer, Op, Unsupported


def quantize(op: Op) -> Layer:
    """Floats, or integers at another scale, to integers."""
    x, y = op.input(0), op.output
    if y.dtype not in INTEGERS or x.dtype not in ("float32", y.dtype):
        raise Unsupported(f"{x.dtype} to {y.dtype}")
    assert y.quant is not None
    if x.dtype == "float32":
        return op.layer(lambda x: x, x)
    scale, zero_point = float(y.quant.scale[0]), int(y.quant.zero_point[0])
    low, high = ((bound - zero_point) * scale for bound in (y.quant.qmin, y.quant.qmax))
    # bounds that change nothing: lower rescales integers there, instead of going through floats
    return op.layer(lambda x: torch.clamp(x, low, high), x)


def dequantize(op: Op) -> Layer:
    """Integers, or float16 constants, to floats."""
    x = op.input(0)
    if x.data is not None and x.dtype == "float16":
        return op.layer(lambda x: x.to(torch.float32), x)
    if x.dtype not in (*INTEGERS, *NARROW):
        raise Unsupported(f"{x.dtype} to {op.output.dtype}")
    return op.layer(lambda x: x, x)


def cast(op: Op) -> Layer:
    """Constants to another type."""
    x, y = op.input(0), op.output
    if x.data is None or x.dtype in ("int8", *NARROW) or y.dtype in ("int8", *NARROW, "float16"):
        raise Unsupported(f"{x.dtype} to {y.dtype}")
    return op.layer(lambda x: x.to(getattr(torch, y.dtype)), x)
