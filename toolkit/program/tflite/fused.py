"""Activation functions that the file fuses into an operator."""

from __future__ import annotations

import math

import numpy as np
import torch
from ai_edge_litert import schema_py_generated as schema

from toolkit.lower.ir import Quantization
from toolkit.program.tflite.file import Tensor
from toolkit.program.tflite.op import Op, Unsupported

_KINDS = schema.ActivationFunctionType
BOUNDS = {
    _KINDS.NONE: (-math.inf, math.inf),
    _KINDS.RELU: (0.0, math.inf),
    _KINDS.RELU6: (0.0, 6.0),
    _KINDS.RELU_N1_TO_1: (-1.0, 1.0),
}


def fused_bounds(op: Op) -> tuple[float, float]:
    """Return the real bounds of the operator's fused activation function."""
    kind = op.option("FusedActivationFunction", _KINDS.NONE)
    if kind not in BOUNDS:
        raise Unsupported(f"the fused activation function {kind}")
    return BOUNDS[kind]


def bounded(x: torch.Tensor, bounds: tuple[float, float], output: Tensor) -> torch.Tensor:
    """Return ``x`` within ``bounds``, moved to the nearest values that an int8 ``output`` holds."""
    low, high = bounds
    if output.dtype in ("int8", "int16"):
        assert output.quant is not None
        low, high = (_held(bound, output.quant) for bound in bounds)
    if low == 0 and high == math.inf:
        return torch.relu(x)
    if high == math.inf:
        return x if low == -math.inf else torch.clamp(x, min=low)
    return torch.clamp(x, max=high) if low == -math.inf else torch.clamp(x, low, high)


def _held(bound: float, quant: Quantization) -> float:
    """Return the real number that stands for ``bound`` in the output; infinite where the output ends before it.

    Halves round away from zero, in float32, as LiteRT's ``CalculateActivationRangeQuantized`` does.
    """
    if math.isinf(bound):
        return bound
    scale, zero_point = float(quant.scale[0]), int(quant.zero_point[0])
    ratio = float(np.float32(bound) / np.float32(scale))
    steps = int(math.copysign(math.floor(abs(ratio) + 0.5), ratio))
    if steps + zero_point <= quant.qmin:
        return -math.inf
    if steps + zero_point >= quant.qmax:
        return math.inf
    return steps * scale
