"""An operator of torch's for synapses with delays, so that one step of a network that has them is a program.

Importing this module registers ``torch.ops.toolkit.send_delayed``.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["send_delayed"]


@torch.library.custom_op("toolkit::send_delayed", mutates_args=())
def send_delayed(pending: Tensor, x: Tensor, weight: Tensor, delays: Tensor, position: Tensor) -> Tensor:
    """Return what is on its way after a step: every input is sent once, to where its delays say.

    Work follows the inputs that are not zero. Sums are made in the order of steps, then of inputs.

    Args:
        pending: float32 (steps + 1, outputs): a ring of what arrives at the next steps, and in its last row what
            arrives now.
        x: float32 (1, inputs).
        weight: float32 (inputs, outputs).
        delays: uint8 (inputs, outputs), each below ``steps``; 0 arrives at once.
        position: one whole number, the place of the present step in the ring.
    """
    steps = len(pending) - 1
    made, places = pending.clone(), torch.arange(pending.shape[1])
    at = int(position) % steps
    for i in x[0].nonzero()[:, 0]:
        rows = (delays[i].to(torch.int64) + at) % steps
        made[rows, places] += x[0, i] * weight[i]
    made[steps] = made[at]
    made[at] = 0
    return made


@send_delayed.register_fake
def _(pending: Tensor, x: Tensor, weight: Tensor, delays: Tensor, position: Tensor) -> Tensor:
    return torch.empty_like(pending)
