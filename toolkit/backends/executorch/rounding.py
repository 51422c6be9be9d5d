"""Rounding along an axis written out: ExecuTorch 1.5.1's kernel stops the process unless scales are in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.ao.quantization.fx._decomposed  # registers torch.ops.quantized_decomposed
from torch import Tensor

_QD = torch.ops.quantized_decomposed


def _along(x: Tensor, values: Tensor, axis: int) -> Tensor:
    return values.reshape([-1 if i == axis else 1 for i in range(x.dim())])


def _quantize(
    x: Tensor, scales: Tensor, zero_points: Tensor, axis: int, low: int, high: int, dtype: torch.dtype
) -> Tensor:
    scaled = torch.round(x * (1.0 / _along(x, scales.float(), axis))) + _along(x, zero_points.float(), axis)
    return torch.clamp(scaled, low, high).to(dtype)


PER_CHANNEL: dict[Any, Callable[..., Tensor]] = {_QD.quantize_per_channel.default: _quantize}
