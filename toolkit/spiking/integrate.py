"""A step of a potential, and who spikes: one operator each while a program is exported, plain torch otherwise."""

from __future__ import annotations

import torch
from torch import Tensor

from toolkit.program import spikes as operators
from toolkit.spiking.firing import Firing
from toolkit.spiking.timing import Values

SILENT = Firing(reset="none")


def integrate(
    x: Tensor, v: Tensor, decay: Values, gain: Values, rest: Values = 0.0, *, firing: Firing = SILENT,
    v_threshold: Values = 0.0, v_reset: Values = 0.0, rise: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return ``kept * decay + x * gain + rest``, where ``kept`` is v after its reset.

    Args:
        x: what comes in.
        v: the potential before the reset of the last step's spike.
        decay: what is left of it after a step.
        gain: what ``x`` counts.
        rest: what is added in each step.
        firing: when it spikes and what that resets.
        v_threshold: at which it spikes, in the place of the one of ``firing``.
        v_reset: potential after a spike, likewise.
        rise: by how much the threshold was higher in the last step.
    """
    strict = firing.fires == "above"
    if torch.compiler.is_exporting():
        numbers, tensors = zip(*map(_parted, (decay, gain, rest, v_threshold, v_reset)), strict=True)
        rules = (*numbers[:4], firing.reset, numbers[4], strict)
        return operators.integrate(x, v, rise, *rules, *tensors)
    kept = v if firing.reset == "none" else firing.after(v, level(v_threshold, rise), v_reset)
    moved = kept * decay + x * gain
    return moved if isinstance(rest, float) and rest == 0.0 else moved + rest


def spikes(v: Tensor, firing: Firing, v_threshold: Values, rise: Tensor | None = None) -> Tensor:
    """Return 1.0 where a potential has reached its threshold, which ``rise`` raises, else 0.0."""
    if torch.compiler.is_exporting():
        number, tensor = _parted(v_threshold)
        return operators.fire(v, rise, number, firing.fires == "above", thresholds=tensor)
    return firing.spikes(v, level(v_threshold, rise))


def level(v_threshold: Values, rise: Tensor | None) -> Values:
    """Return the thresholds, which ``rise`` raises."""
    return v_threshold if rise is None else rise + v_threshold


def _parted(value: Values) -> tuple[float, Tensor | None]:
    """Return a number, and the tensor that stands in its place where it is none."""
    return (0.0, value) if isinstance(value, Tensor) else (value, None)
