"""The choice of a kernel for every step."""

from __future__ import annotations

from toolkit.kernels import PORTABLE, candidates, kernels
from toolkit.lower.ir import Model, Step

_DENSE_WEIGHTS = 4096  # of a layer that are worth the code which reads them: a fifth less than 2 bits each


def choose_kernels(model: Model, kernel_set: str, *, smallest: bool = False) -> Model:
    """Give every step without a kernel the best-ranked one of ``kernel_set`` that computes it, in place.

    ``smallest`` takes the portable ones instead, whose code is shorter, unless denser weights make up for more code.
    """
    for step in model.steps:
        if not step.kernel:
            names = candidates(step, kernel_set)
            step.kernel = _smallest(step, names) if smallest else names[0]
    return model


def _smallest(step: Step, names: list[str]) -> str:
    dense = [name for name in names if name != PORTABLE and kernels()[name].dense]
    return dense[0] if dense and step.inputs[1].size >= _DENSE_WEIGHTS else PORTABLE
