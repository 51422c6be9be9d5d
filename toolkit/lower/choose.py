"""The choice of a kernel for every step."""

from __future__ import annotations

from toolkit.kernels import PORTABLE, candidates
from toolkit.lower.ir import Model


def choose_kernels(model: Model, kernel_set: str, *, smallest: bool = False) -> Model:
    """Give every step without a kernel the best-ranked one of ``kernel_set`` that computes it, in place.

    ``smallest`` takes the portable ones instead, whose code is shorter.
    """
    for step in model.steps:
        if not step.kernel:
            step.kernel = PORTABLE if smallest else candidates(step, kernel_set)[0]
    return model
