"""From a gradient to a change of a weight, written so that each line is a few elementwise steps on the device."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from toolkit.training.kept import DRAW, moved
from toolkit.training.settings import StepSettings

# name -> how many tensors of a weight's shape it keeps
KEPT = {
    "sgd": (),
    "momentum": ("momentum",),
    "adam": ("mean", "square"),
    "sign": (),
    "sign-momentum": ("momentum",),
}
STEPS = "steps"  # Adam's count of steps: one for all weights
_SQUARES = 0.999  # decay of Adam's second moment
_TINY = 1e-8


def first_states(names: dict[str, Tensor], settings: StepSettings) -> dict[str, Tensor]:
    """Return what the optimizer keeps of the weights ``names`` before the first step, by the states' names."""
    kept = {
        f"{kind}.{name}": torch.zeros(weight.shape)
        for name, weight in names.items()
        for kind in KEPT[settings.optimizer]
    }
    if settings.optimizer == "adam":
        kept[STEPS] = torch.zeros(1)
    if not all(weight.is_floating_point() for weight in names.values()):
        kept[DRAW] = torch.zeros(1, dtype=torch.int32)
    return kept


def update(
    states: dict[str, Tensor], gradients: dict[str, Tensor], rate: Tensor, settings: StepSettings
) -> dict[str, Tensor]:
    """Return the new content of the states that a step by ``gradients`` changes.

    Args:
        states: all states, the weights among them, and constants, by name.
        gradients: of the loss by weights.
        rate: learning rate, shape (1,). At 0 no weight moves, though means of gradients do.
        settings: which optimizer.
    """
    new: dict[str, Tensor] = {}
    scale, correction = rate, rate
    if settings.optimizer == "adam":
        count = new[STEPS] = states[STEPS] + 1.0
        first, second = (1.0 - torch.exp(count * _log(base)) for base in (settings.momentum, _SQUARES))
        scale, correction = rate / first, torch.rsqrt(second)
    for stream, (name, gradient) in enumerate(gradients.items()):
        direction = _direction(states, new, name, gradient, correction, settings)
        new[name] = moved(name, states, scale, direction, settings.seed, stream)
    if DRAW in states:
        new[DRAW] = states[DRAW] + 1
    return new


def _direction(
    states: dict[str, Tensor],
    new: dict[str, Tensor],
    name: str,
    gradient: Tensor,
    correction: Tensor,
    settings: StepSettings,
) -> Tensor:
    if settings.optimizer == "sgd":
        return gradient
    if settings.optimizer == "sign":
        return torch.sign(gradient)
    if settings.optimizer == "momentum":
        new[f"momentum.{name}"] = states[f"momentum.{name}"] * settings.momentum + gradient
        return new[f"momentum.{name}"]
    if settings.optimizer == "sign-momentum":
        mean = states[f"momentum.{name}"] * settings.momentum + gradient * (1.0 - settings.momentum)
        new[f"momentum.{name}"] = mean
        return torch.sign(mean)
    mean = states[f"mean.{name}"] * settings.momentum + gradient * (1.0 - settings.momentum)
    square = states[f"square.{name}"] * _SQUARES + gradient * gradient * (1.0 - _SQUARES)
    new[f"mean.{name}"], new[f"square.{name}"] = mean, square
    return mean / (torch.sqrt(square) * correction + _TINY)


def _log(base: float) -> float:
    """Return the natural logarithm; of momentum 0 one so low that its powers are 0."""
    return log(max(base, 1e-30))
