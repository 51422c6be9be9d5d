"""Which layers to train within so much memory: those that lower the loss most when they learn alone.

After the sparse update of "On-Device Training Under 256KB Memory", Lin et al. 2022, arXiv 2206.15472.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from toolkit.errors import ToolkitError
from toolkit.training.budget import Budget, planned_bytes
from toolkit.training.choose import chosen_weights
from toolkit.training.forward import Forward, Known
from toolkit.training.kept import cut, inverse_scale, real
from toolkit.training.losses import loss
from toolkit.training.rules import Step
from toolkit.training.settings import StepSettings
from toolkit.training.step import forward_of, made_step

RATE = 0.01
SHARES = (1.0, 0.5, 0.25, 0.125)  # of a layer's channels that are tried, one after the other


@dataclass(frozen=True)
class Selection:
    """What was chosen.

    Args:
        layers: names of the layers that learn; for ``StepSettings.layers``.
        arena_bytes: of a step that trains them, as planned for the device.
        contributions: by layer, how far the loss on samples not learnt from falls when it learns alone, in nats.
        channels: the share of a layer's channels that learns, where not all do; for ``StepSettings.channels``.
    """

    layers: tuple[str, ...]
    arena_bytes: int
    contributions: dict[str, float]
    channels: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Gain:
    """What a layer's learning brings: ``nats`` whole, and ``parts`` of it by the share of channels that learns.

    A share has as much of it as of the squared change of the weights: to first order, the loss falls by that.
    """

    nats: float
    parts: dict[float, float]


@dataclass(frozen=True)
class _Sample:
    x: Tensor
    target: Tensor


def select(
    model: nn.Module | ExportedProgram,
    x: np.ndarray,
    y: np.ndarray,
    *,
    max_arena: int,
    kernel_set: str,
    settings: StepSettings,
    progress: Callable[[str], None] = lambda _: None,
) -> Selection:
    """Return the layers that a step within ``max_arena`` bytes can train, the one that contributes most first.

    A layer that does not fit whole may learn in a share of its channels.

    Args:
        model: as of ``training_step``.
        x: samples of the world to learn, first axis the sample; half of them are learnt from, half tell what it gained.
        y: their labels.
        max_arena: bytes that states and activations of a step may take.
        kernel_set: of the target, whose kernels need scratch memory.
        settings: of the step; its ``layers`` are the candidates. With ``channels`` or a method no shares are tried.
        progress: told about each layer.

    Raises:
        ToolkitError: not even the layer that needs least fits; says how much that takes.
    """
    forward = forward_of(model, torch.from_numpy(x[:1]), settings)
    gains = _gains(forward, x, y, settings, progress)
    shares = (1.0,) if settings.channels or settings.method else SHARES
    budget = Budget(forward, settings, kernel_set)
    too_much: set[tuple[str, float]] = set()  # layers and shares whose plan took more than was estimated
    least = ("", 1 << 62)
    while chosen := _fitting(gains, shares, budget, max_arena, too_much):
        channels = {**settings.channels, **{layer: share for layer, share in chosen.items() if share < 1.0}}
        fitting = replace(settings, layers=tuple(chosen), channels=channels)
        arena = planned_bytes(forward, fitting, kernel_set)
        progress(f"{', '.join(chosen)}: {arena:,} B")
        if arena <= max_arena:
            nats = {name: gain.nats for name, gain in gains.items()}
            return Selection(tuple(chosen), arena, nats, channels)
        least = min(least, (", ".join(chosen), arena), key=lambda pair: pair[1])
        layer = min(chosen, key=lambda name: gains[name].parts[chosen[name]])
        too_much.add((layer, chosen[layer]))
    for layer, gain in gains.items():
        share = min(share for share in gain.parts if share in shares)
        least = min(least, (layer, budget.estimate({layer: share})), key=lambda pair: pair[1])
    raise _nothing_fits(*least, max_arena)


def _fitting(
    gains: dict[str, _Gain],
    shares: tuple[float, ...],
    budget: Budget,
    max_arena: int,
    too_much: set[tuple[str, float]],
) -> dict[str, float]:
    """Return layers and shares of their channels that fit as far as is known, the one that brings most first."""
    chosen: dict[str, float] = {}
    for layer in sorted(gains, key=lambda name: -gains[name].nats):
        if chosen and gains[layer].nats <= 0:
            break
        for share in shares:
            possible = share in gains[layer].parts and (layer, share) not in too_much
            if possible and budget.estimate({**chosen, layer: share}) <= max_arena:
                chosen[layer] = share
                break
    return chosen


def _nothing_fits(layer: str, needed: int, max_arena: int) -> ToolkitError:
    return ToolkitError(
        f"no layer can learn within {max_arena:,} bytes: {layer} alone takes {needed:,}",
        at="the memory for a training step",
        fix=f"allow at least {needed:,} bytes, or use rule nearest-mean",
    )


def _gains(
    forward: Forward, x: np.ndarray, y: np.ndarray, settings: StepSettings, progress: Callable[[str], None]
) -> dict[str, _Gain]:
    """Let each layer learn alone from half of the samples, and compare losses of the others."""
    layers: dict[str, list[str]] = {}
    for name in chosen_weights(forward, settings):
        layers.setdefault(name.rpartition(".")[0], []).append(name)
    classes = forward.run(torch.from_numpy(x[:1]), {}).shape[-1]
    one_hot = torch.eye(classes)
    samples = [
        _Sample(torch.from_numpy(sample[None]), one_hot[None, int(label)])
        for sample, label in zip(x, y, strict=True)
    ]
    fixed = forward.before(None, samples[0].x, {})
    known: list[Known] = [fixed] * len(samples)
    half, gains = len(samples) // 2, {}
    before = _loss(forward, {}, samples[half:], known[half:], settings)
    for layer, names in layers.items():
        # what lies in front of the layer is computed once a sample
        known = [
            forward.before(names, sample.x, {**fixed, **seen})
            for sample, seen in zip(samples, known, strict=True)
        ]
        own = {pattern: share for pattern, share in settings.channels.items() if fnmatchcase(layer, pattern)}
        alone = replace(settings, layers=(layer,), channels=own)
        step = made_step(forward, alone, classes)
        states = _learnt(forward, step, samples[:half], known[:half])
        after = _loss(forward, states, samples[half:], known[half:], settings)
        gains[layer] = _gain(before - after, step.states, states, names, forward)
        progress(f"{layer}: {gains[layer].nats:+.4f} nats")
        forward.kept, forward.method = {}, None
    return gains


def _gain(
    nats: float, old: dict[str, Tensor], new: dict[str, Tensor], names: list[str], forward: Forward
) -> _Gain:
    constants = forward.constants()
    squares = dict.fromkeys(SHARES, 0.0)
    for name in names:
        change = (real(new[name]) - real(old[name])) / constants.get(inverse_scale(name), torch.ones(1))
        for share in list(squares):
            part = cut(forward, name, share)
            if part is None:
                del squares[share]
            else:
                squares[share] += float((change.narrow(part.axis, 0, part.count) ** 2).sum())
    whole = squares[1.0] or 1.0
    return _Gain(nats, {share: nats * square / whole for share, square in squares.items()})


def _learnt(forward: Forward, step: Step, samples: list[_Sample], known: list[Known]) -> dict[str, Tensor]:
    """Return the states after one pass over ``samples``."""
    states, constants, rate = dict(step.states), forward.constants(), torch.tensor([RATE])
    for sample, forward.known in zip(samples, known, strict=True):
        _, _, new = step.learn({**constants, **states}, sample.x, sample.target, rate)
        states |= {name: value.detach() for name, value in new.items()}
    forward.known = {}
    return states


def _loss(
    forward: Forward,
    states: dict[str, Tensor],
    samples: list[_Sample],
    known: list[Known],
    settings: StepSettings,
) -> float:
    """Return the mean loss of ``samples``."""
    losses = []
    tensors = {name: real(state) for name, state in states.items()}
    with torch.no_grad():
        for sample, forward.known in zip(samples, known, strict=True):
            losses.append(float(loss(forward.run(sample.x, tensors), sample.target, settings)))
    forward.known = {}
    return float(np.mean(losses))
