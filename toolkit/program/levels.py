"""Operators of torch's for derivatives of four values, kept as codes of 2 bits, so that programs can hold them.

Importing this module registers ``torch.ops.toolkit.level_codes`` and ``torch.ops.toolkit.level_gradient``.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["level_codes", "level_gradient"]

CODES_PER_BYTE = 4


def _bytes(shape: torch.Size, axis: int) -> list[int]:
    return [-(-size // CODES_PER_BYTE) if place == axis else size for place, size in enumerate(shape)]


@torch.library.custom_op("toolkit::level_codes", mutates_args=())
def level_codes(x: Tensor, edges: list[float], axis: int) -> Tensor:
    """Return between which of three ``edges`` each value lies, four codes 0..3 to a byte.

    Args:
        x: float32.
        edges: three, in order; a value's code is how many of them it is above.
        axis: not negative. Byte k along it holds the codes of the values 4k to 4k + 3, the first in the lowest bits.

    Returns:
        int8, as long along ``axis`` as bytes are needed.
    """
    codes = sum((x > edge).to(torch.uint8) for edge in torch.tensor(edges, dtype=x.dtype))
    shape = _bytes(x.shape, axis)
    lacking = shape[axis] * CODES_PER_BYTE - x.shape[axis]
    whole = torch.cat([codes, codes.new_zeros([*x.shape[:axis], lacking, *x.shape[axis + 1 :]])], axis)  # type: ignore[union-attr, list-item]
    parts = whole.unflatten(axis, (shape[axis], CODES_PER_BYTE)).unbind(axis + 1)
    packed = parts[0] | parts[1] << 2 | parts[2] << 4 | parts[3] << 6
    return packed.view(torch.int8)


@torch.library.custom_op("toolkit::level_gradient", mutates_args=())
def level_gradient(gradient: Tensor, codes: Tensor, levels: list[float], axis: int) -> Tensor:
    """Return ``gradient`` times that of four ``levels`` which each value's code says; see ``level_codes``."""
    bits = codes.view(torch.uint8).unsqueeze(axis + 1)
    parts = torch.cat([bits >> shift & 3 for shift in (0, 2, 4, 6)], axis + 1).flatten(axis, axis + 1)
    chosen = torch.tensor(levels, dtype=gradient.dtype)[parts.narrow(axis, 0, gradient.shape[axis]).long()]
    return gradient * chosen


@level_codes.register_fake
def _(x: Tensor, edges: list[float], axis: int) -> Tensor:
    return x.new_empty(_bytes(x.shape, axis), dtype=torch.int8)


@level_gradient.register_fake
def _(gradient: Tensor, codes: Tensor, levels: list[float], axis: int) -> Tensor:
    return torch.empty_like(gradient)
