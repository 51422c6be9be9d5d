"""Which layers take spikes, and how many of them to expect: kernels that follow spikes are chosen by it."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Model, Step
from toolkit.ops.wide import ENDING

UNKNOWN = 0.1  # the share of ones where nobody has counted
_MOVES = {
    "reshape", "slice", "permute", "concat", "max_pool2d", "resize_nearest", "expand", "depth_to_space",
    "space_to_depth", "take", "index_copy", "pad",
}  # fmt: skip


def note_spikes(model: Model) -> Model:
    """Give ``attrs["density"]`` to every layer whose input is zeros and ones: the share of ones to expect."""
    kept = {
        id(state.before): (state.after, UNKNOWN)
        for state in model.states
        if state.before.dtype == "int8" and np.isin(state.initial, (0, 1)).all()
    }
    while True:
        spikes = {value: density for value, (_, density) in kept.items()}
        for step in model.steps:
            density = _density(step, spikes)
            if density is not None:
                spikes[id(step.output)] = density
        still = {
            before: (after, spikes[id(after)]) for before, (after, _) in kept.items() if id(after) in spikes
        }
        if still == kept:
            break
        kept = still
    for step in model.steps:
        if step.op.endswith(ENDING) and id(step.inputs[0]) in spikes:
            step.attrs["density"] = spikes[id(step.inputs[0])]
    return model


def _density(step: Step, spikes: dict[int, float]) -> float | None:
    """Return the share of ones in what ``step`` gives, or None where it is not zeros and ones."""
    if step.op == "fire":
        return UNKNOWN if step.attrs["density"] < 0 else step.attrs["density"]
    given = [spikes.get(id(value)) for value in step.inputs if value.dtype != "int32"]
    known = [share for share in given if share is not None]
    if step.op not in _MOVES or len(known) < len(given) or not known:
        return None
    if step.op == "pad" and step.attrs.get("value", 0) not in (0, 1):
        return None
    if step.op == "max_pool2d":
        height, width = step.attrs["kernel"]
        return float(1 - (1 - known[0]) ** (height * width))
    return sum(known) / len(known)
