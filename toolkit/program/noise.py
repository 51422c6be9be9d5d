"""Operators of torch's for noise that is made again from its key, so that programs can hold them.

Importing this module registers ``torch.ops.toolkit.perturb``, ``sketch``, ``stochastic_round`` and ``stochastic_step``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.learn import philox

__all__ = ["perturb", "sketch", "stochastic_round", "stochastic_step"]


def _key(draw: Tensor, seed: int, stream: int) -> tuple[tuple[int, int], int]:
    return (seed & 0xFFFFFFFF, stream & 0xFFFFFFFF), int(draw) & 0xFFFFFFFF


@torch.library.custom_op("toolkit::perturb", mutates_args=())
def perturb(x: Tensor, draw: Tensor, scale: Tensor, seed: int, stream: int, normal: bool = False) -> Tensor:
    """Return ``x + scale * z``: z is -1 or 1 for each element, or standard normal.

    Args:
        x: float32.
        draw: one whole number, which draw it is; a buffer that counts steps.
        scale: one float32.
        seed: one 32-bit half of the key; ``toolkit.learn.zeroth_order`` takes the run's seed.
        stream: the other half: the tensor's number among those that draw.
        normal: standard normal values, not signs.
    """
    key, number = _key(draw, seed, stream)
    make = philox.normals if normal else philox.signs
    noise = torch.from_numpy(make(key, number, x.numel())).reshape(x.shape)
    return x + scale.reshape(()) * noise


@torch.library.custom_op("toolkit::stochastic_round", mutates_args=())
def stochastic_round(x: Tensor, draw: Tensor, seed: int, stream: int, low: int, high: int) -> Tensor:
    """Return ``clamp(floor(x + r), low, high)`` in int8: r is uniform from 0 up to 1.

    Args are those of ``perturb``; a stream of its own keeps r independent of other noise.
    """
    key, number = _key(draw, seed, stream)
    drawn = torch.from_numpy(philox.uniforms(key, number, x.numel())).reshape(x.shape)
    return torch.floor(torch.nan_to_num(x + drawn, nan=low)).clamp(low, high).to(torch.int8)


@torch.library.custom_op("toolkit::sketch", mutates_args=())
def sketch(x: Tensor, draw: Tensor, rows: int, seed: int, stream: int) -> Tensor:
    """Return ``S^T x`` with ``rows`` rows: row r is the sum of x's rows r, r + rows, ..., each times -1 or 1.

    The mean of ``S S^T`` over draws is the identity, so that of ``(S^T x)^T (S^T y)`` is ``x^T y``.

    Args:
        x: float32 (n, depth), or an image (1, depth, height, width) of ``n`` pixels, of which (1, depth, rows, 1)
            is made.
        draw: one whole number, which draw it is; a buffer that counts steps.
        rows: at most ``n``.
        seed: one 32-bit half of the key.
        stream: the other half.
    """
    matrix = x if x.dim() == 2 else x[0].flatten(1).t()
    key, number = _key(draw, seed, stream)
    signed = matrix * torch.from_numpy(philox.signs(key, number, len(matrix)))[:, None]
    made = signed[:rows].clone()
    for part in signed[rows:].split(rows):
        made[: len(part)] += part
    return made if x.dim() == 2 else made.t()[None, :, :, None].contiguous()


@torch.library.custom_op("toolkit::stochastic_step", mutates_args=())
def stochastic_step(
    x: Tensor, change: Tensor, draw: Tensor, seed: int, stream: int, low: int, high: int
) -> Tensor:
    """Return ``stochastic_round(x - change, ...)``: a step of weights that are kept in int8.

    Args are those of ``perturb``, but for ``x``, int8, and ``change``, float32 of its shape.
    """
    return stochastic_round(x.to(torch.float32) - change, draw, seed, stream, low, high)  # type: ignore[no-any-return]


@perturb.register_fake
def _(x: Tensor, draw: Tensor, scale: Tensor, seed: int, stream: int, normal: bool = False) -> Tensor:
    return torch.empty_like(x)


@stochastic_round.register_fake
def _(x: Tensor, draw: Tensor, seed: int, stream: int, low: int, high: int) -> Tensor:
    return torch.empty_like(x, dtype=torch.int8)


@sketch.register_fake
def _(x: Tensor, draw: Tensor, rows: int, seed: int, stream: int) -> Tensor:
    return x.new_empty((rows, x.shape[1]) if x.dim() == 2 else (1, x.shape[1], rows, 1))


@stochastic_step.register_fake
def _(x: Tensor, change: Tensor, draw: Tensor, seed: int, stream: int, low: int, high: int) -> Tensor:
    return torch.empty_like(x)
