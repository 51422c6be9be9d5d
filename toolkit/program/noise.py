"""Operators of torch's for noise that is made again from its key, so that programs can hold them.

Importing this module registers ``torch.ops.toolkit.perturb`` and ``torch.ops.toolkit.stochastic_round``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.learn import philox

__all__ = ["perturb", "stochastic_round"]


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


@perturb.register_fake
def _(x: Tensor, draw: Tensor, scale: Tensor, seed: int, stream: int, normal: bool = False) -> Tensor:
    return torch.empty_like(x)


@stochastic_round.register_fake
def _(x: Tensor, draw: Tensor, seed: int, stream: int, low: int, high: int) -> Tensor:
    return torch.empty_like(x, dtype=torch.int8)
