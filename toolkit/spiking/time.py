"""Layers without a memory inside networks that go through time, and such networks step by step."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn

from toolkit.spiking.encoders import direct
from toolkit.spiking.neurons import Neuron, States


class GlobalMean(nn.Module):
    """The mean of each channel of an image: how often its neurons spiked."""

    def forward(self, x: Tensor) -> Tensor:
        """Return ``(n, channels)`` of ``(n, channels, height, width)``."""
        return x.mean((2, 3))


class EachStep(nn.Module):
    """Runs ``module``, which has no memory, at each step of ``(time, n, ...)``; on one step where neurons stream."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.streams = False

    def forward(self, x: Tensor) -> Tensor:
        """Return what ``module`` gives, for each step."""
        if self.streams:
            return cast("Tensor", self.module(x))
        if torch.compiler.is_exporting():  # devices take one sample at a time
            return torch.stack([self.module(at) for at in x])
        return cast("Tensor", self.module(x.flatten(0, 1)).unflatten(0, x.shape[:2]))


class InTime(nn.Sequential):
    """Neurons and ``EachStep`` one after the other: layer by layer in training, step by step in a program.

    So a program of all steps needs memory for the activations of one.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return what the last layer gives, for each step."""
        if not torch.compiler.is_exporting() or any(getattr(layer, "streams", False) for layer in self):
            return cast("Tensor", super().forward(x))
        return torch.stack(self.outputs(list(x)))

    def outputs(self, steps: Sequence[Tensor]) -> list[Tensor]:
        """Return what the last layer gives at each of ``steps``.

        What layers before the first neuron make of a tensor they make once where it comes again.
        """
        states: dict[int, States] = {}
        made: dict[int, Tensor] = {}  # by layer, for the tensor of the step before
        outputs: list[Tensor] = []
        for at, x in enumerate(steps):
            again = at > 0 and x is steps[at - 1]
            for index, layer in enumerate(self):
                if isinstance(layer, Neuron):
                    again = False
                    x, states[index] = layer(x, states.get(index) or layer.begin(x))
                else:
                    made[index] = x = made[index] if again else cast("EachStep", layer).module(x)
            outputs.append(x)
        return outputs

    def mean_of(self, x: Tensor, steps: int) -> Tensor:
        """Return the mean over ``steps`` steps of what the last layer gives where ``x`` comes at each of them."""
        if torch.compiler.is_exporting():
            return torch.stack(self.outputs([x] * steps)).mean(0)
        return cast("Tensor", self(direct(x, steps)).mean(0))


def streaming(model: nn.Module, sample: Tensor | tuple[Tensor, ...]) -> nn.Module:
    """Return a copy of ``model`` that takes one step a run and keeps its neurons' states in buffers.

    Args:
        model: of neurons and ``EachStep``, in evaluation mode.
        sample: a step's input, first axis 1; a tuple for a ``Graph`` that takes several.
    """
    made = copy.deepcopy(model)
    if not made.training:
        _absorb_norms(made)
    handles = []
    firsts: list[tuple[Tensor, Tensor]] = []  # a state, and what it begins with

    def begin(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        neuron = cast("Neuron", module)
        neuron.stream(inputs[0])
        states = [neuron.get_buffer(name) for name in neuron.names]
        firsts.extend((state, state.clone()) for state in states)

    neurons = [module for module in made.modules() if isinstance(module, Neuron)]
    inner = {id(part) for neuron in neurons for part in neuron.modules() if part is not neuron}
    for module in made.modules():
        if isinstance(module, EachStep):
            module.streams = True
        elif isinstance(module, Neuron) and id(module) not in inner:
            handles.append(module.register_forward_pre_hook(begin))
    with torch.no_grad():
        made(sample)
    for handle in handles:
        handle.remove()
    for state, first in firsts:  # as it was before the sample
        state.copy_(first)
    return made


def _absorb_norms(model: nn.Module) -> None:
    """Fold normalizations into the layers before them, of those layers that know how."""
    for block in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for layer, follower in pairwise(block):
            norm = follower.module if isinstance(follower, EachStep) else None
            absorb: Any = getattr(layer, "absorb", None)
            if isinstance(norm, nn.BatchNorm1d) and absorb is not None:
                absorb(norm)
                cast("EachStep", follower).module = nn.Identity()
