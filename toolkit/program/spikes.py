"""Operators of torch's for a step of spiking neurons, so that programs can hold one whole.

A neuron's state is its potential *before* the reset of the last step's spike: so a step makes one tensor, and whether
a neuron spikes can be read from it. Importing this module registers ``torch.ops.toolkit.integrate`` and
``torch.ops.toolkit.fire``.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.export import ExportedProgram

__all__ = ["FIRE", "INTEGRATE", "fire", "integrate", "plain", "reset_of"]


def reset_of(
    v: Tensor, spiked: Tensor, threshold: float | Tensor, reset: str, v_reset: float | Tensor
) -> Tensor:
    """Return potentials after the reset of those neurons that ``spiked`` (bool)."""
    if reset == "zero":
        return torch.where(spiked, v_reset, v)
    if reset == "subtract":
        return torch.where(spiked, v - threshold, v)
    return v


def _integrated(
    x: Tensor, v: Tensor, rise: Tensor | None, decay: float, gain: float, offset: float,
    threshold: float, reset: str, v_reset: float, strict: bool = False, decays: Tensor | None = None,
    gains: Tensor | None = None, offsets: Tensor | None = None, thresholds: Tensor | None = None,
    v_resets: Tensor | None = None,
) -> Tensor:  # fmt: skip
    least = threshold if thresholds is None else thresholds
    level = least if rise is None else rise + least
    spiked = v > level if strict else v >= level
    kept = (
        v if reset == "none" else reset_of(v, spiked, level, reset, v_reset if v_resets is None else v_resets)
    )
    moved = kept * (decay if decays is None else decays) + x * (gain if gains is None else gains)
    if offsets is not None:
        return moved + offsets
    return moved + offset if offset else moved


@torch.library.custom_op("toolkit::integrate", mutates_args=())
def integrate(
    x: Tensor, v: Tensor, rise: Tensor | None, decay: float, gain: float, offset: float,
    threshold: float, reset: str, v_reset: float, strict: bool = False, decays: Tensor | None = None,
    gains: Tensor | None = None, offsets: Tensor | None = None, thresholds: Tensor | None = None,
    v_resets: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return potentials after a step: reset where the last step's spiked, then ``v * decay + x * gain + offset``.

    Args:
        x: what comes in, float32.
        v: potentials before the last step's reset, of the same shape.
        rise: by how much each neuron's threshold was above ``threshold`` in the last step.
        decay: what is left of a potential after a step.
        gain: what ``x`` counts.
        offset: added in each step.
        threshold: at which a neuron spiked.
        reset: "none", "zero" or "subtract".
        v_reset: potential after a spike, where ``reset`` is "zero".
        strict: the threshold itself made no spike.
        decays: a decay for each neuron, in the place of ``decay``; without the axis of samples, and what is of size 1
            counts for all along that axis. The next four are alike.
        gains: see ``gain``.
        offsets: see ``offset``.
        thresholds: see ``threshold``.
        v_resets: see ``v_reset``.
    """
    numbers = (decay, gain, offset, threshold, reset, v_reset, strict)
    return _integrated(x, v, rise, *numbers, decays, gains, offsets, thresholds, v_resets)


def _fired(
    v: Tensor, rise: Tensor | None, threshold: float, strict: bool = False, density: float = -1.0,
    thresholds: Tensor | None = None,
) -> Tensor:  # fmt: skip
    least = threshold if thresholds is None else thresholds
    level = least if rise is None else rise + least
    return (v > level if strict else v >= level).to(v.dtype)


@torch.library.custom_op("toolkit::fire", mutates_args=())
def fire(
    v: Tensor, rise: Tensor | None, threshold: float, strict: bool = False, density: float = -1.0,
    thresholds: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return 1.0 where a potential has reached ``threshold`` (plus ``rise``), else 0.0.

    Args:
        v: potentials, float32.
        rise: by how much each neuron's threshold is above ``threshold``.
        threshold: at which neurons spike.
        strict: the threshold itself makes no spike.
        density: the share of neurons that spiked when it was measured; -1: never. It changes no result.
        thresholds: one for each neuron, in the place of ``threshold``.
    """
    return _fired(v, rise, threshold, strict, density, thresholds)


@integrate.register_fake
def _(x: Tensor, v: Tensor, rise: Tensor | None, *rest: object) -> Tensor:
    return torch.empty_like(v)


@fire.register_fake
def _(v: Tensor, rise: Tensor | None, *rest: object) -> Tensor:
    return torch.empty_like(v)


INTEGRATE, FIRE = torch.ops.toolkit.integrate.default, torch.ops.toolkit.fire.default


def plain(program: ExportedProgram) -> ExportedProgram:
    """Return a program whose neurons are plain ATen operators; itself where it has none."""
    if not any(node.target in (INTEGRATE, FIRE) for node in program.graph.nodes):
        return program
    return program.run_decompositions({INTEGRATE: _integrated, FIRE: _fired})
