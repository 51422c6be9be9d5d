"""The choice of a kernel for every step."""

from __future__ import annotations

from dataclasses import replace

from toolkit.kernels import PORTABLE, candidates, constant_bytes, kernels
from toolkit.lower.ir import Model, Step
from toolkit.ops import operators

_WORTH_BYTES = 200  # of weights saved in a layer: code that other layers may not share


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
    sizes = {
        name: constant_bytes(replace(step, kernel=name))
        for name in names
        if name == PORTABLE or kernels()[name].dense
    }
    best = min(sizes, key=lambda name: sizes[name])
    return best if sizes[PORTABLE] - sizes[best] >= _WORTH_BYTES else PORTABLE


def pays(step: Step, kernel_set: str) -> bool:
    """True when a fused step is about as fast with the best of ``kernel_set`` as separate steps."""
    best = candidates(step, kernel_set)[0]
    if best == PORTABLE:  # faster than portable steps, if there are no better ones
        parts = operators()[step.op].parts(step)
        return all(candidates(part, kernel_set)[0] == PORTABLE for part in parts)
    return kernels()[best].pays(step)
