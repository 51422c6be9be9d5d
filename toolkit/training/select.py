"""Which layers to train within so much memory: those that lower the loss most when they learn alone.

After the sparse update of "On-Device Training Under 256KB Memory", Lin et al. 2022, arXiv 2206.15472.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from toolkit.errors import ToolkitError
from toolkit.training.choose import chosen_weights
from toolkit.training.forward import Forward
from toolkit.training.losses import loss
from toolkit.training.settings import StepSettings
from toolkit.training.step import forward_of, made_step, training_step

RATE = 0.01


@dataclass(frozen=True)
class Selection:
    """What was chosen.

    Args:
        layers: names of the layers that learn; for ``StepSettings.layers``.
        arena_bytes: of a step that trains them, as planned for the device.
        contributions: by layer, how far the loss on samples not learnt from falls when it learns alone, in nats.
    """

    layers: tuple[str, ...]
    arena_bytes: int
    contributions: dict[str, float]


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

    Args:
        model: as of ``training_step``.
        x: samples of the world to learn, first axis the sample; half of them are learnt from, half tell what it gained.
        y: their labels.
        max_arena: bytes that states and activations of a step may take.
        kernel_set: of the target, whose kernels need scratch memory.
        settings: of the step; its ``layers`` are the candidates.
        progress: told about each layer.

    Raises:
        ToolkitError: not even the layer that needs least fits; says how much that takes.
    """
    sample = torch.from_numpy(x[:1])
    forward = forward_of(model, sample, settings)
    names = dict.fromkeys(name.rpartition(".")[0] for name in chosen_weights(forward, settings))
    half = len(x) // 2
    classes = forward.run(sample, {}).shape[-1]
    new, known = _pairs(x[:half], y[:half], classes), _pairs(x[half:], y[half:], classes)
    before = _loss(forward, {}, known, settings)
    gains: dict[str, float] = {}
    for layer in names:
        states = _learnt(forward, new, classes, replace(settings, layers=(layer,)))
        gains[layer] = before - _loss(forward, states, known, settings)
        progress(f"{layer}: {gains[layer]:+.4f} nats")
    chosen: tuple[str, ...] = ()
    arena, least = 0, ("", 1 << 62)
    for layer in sorted(names, key=lambda name: -gains[name]):
        needed = arena_bytes(model, sample, replace(settings, layers=(*chosen, layer)), kernel_set)
        progress(f"{', '.join((*chosen, layer))}: {needed:,} B")
        if not chosen and needed < least[1]:
            least = (layer, needed)
        if needed <= max_arena and (gains[layer] > 0 or not chosen):
            chosen, arena = (*chosen, layer), needed
    if not chosen:
        raise ToolkitError(
            f"no layer can learn within {max_arena:,} bytes: {least[0]} alone takes {least[1]:,}",
            at="the memory for a training step",
            fix=f"allow at least {least[1]:,} bytes, or use rule nearest-mean",
        )
    return Selection(chosen, arena, gains)


def _learnt(
    forward: Forward, samples: list[tuple[Tensor, Tensor]], classes: int, settings: StepSettings
) -> dict[str, Tensor]:
    """Return the states after one pass over ``samples``."""
    step = made_step(forward, settings, classes)
    states, rate = dict(step.states), torch.tensor([RATE])
    for inputs, target in samples:
        states |= {
            name: value.detach() for name, value in step.learn(states, inputs, target, rate)[2].items()
        }
    return states


def _loss(
    forward: Forward, states: dict[str, Tensor], samples: list[tuple[Tensor, Tensor]], settings: StepSettings
) -> float:
    """Return the mean loss of ``samples``."""
    with torch.no_grad():
        losses = [float(loss(forward.run(inputs, states), target, settings)) for inputs, target in samples]
    return float(np.mean(losses))


def _pairs(x: np.ndarray, y: np.ndarray, classes: int) -> list[tuple[Tensor, Tensor]]:
    one_hot = torch.eye(classes)
    return [
        (torch.from_numpy(sample[None]), one_hot[None, int(label)])
        for sample, label in zip(x, y, strict=True)
    ]


def arena_bytes(
    model: nn.Module | ExportedProgram, sample: Tensor, settings: StepSettings, kernel_set: str
) -> int:
    """Return how many bytes states and activations of a step take, as planned for a target with ``kernel_set``."""
    from toolkit.lower.arena import place
    from toolkit.lower.choose import choose_kernels
    from toolkit.lower.passes import lower

    lowered = lower(training_step(model, sample, settings))
    choose_kernels(lowered, kernel_set)
    return place(lowered).plan.arena_bytes
