"""The choice of a kernel for every step."""

from __future__ import annotations

from toolkit.kernels import candidates
from toolkit.lower.ir import Model


def choose_kernels(model: Model, kernel_set: str) -> Model:
    """Give every step without a kernel the best-ranked one of ``kernel_set`` that computes it."""
    for step in model.steps:
        step.kernel = step.kernel or candidates(step, kernel_set)[0]
    return model
