"""Particle swarms: neurons are trained one by one, each by a swarm of candidates for its weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.learn.blocks import blocks
from toolkit.learn.rule import Setup

if TYPE_CHECKING:
    from toolkit.data import Dataset

METHOD = Method(
    slug="pso-neuron",
    title="Neurons trained one by one by particle swarms, by forward passes only",
    paper="Training neural networks without backpropagation using particles, Kumar 2024, arXiv 2412.05667",
    kind="learn",
    cost="inference's memory times the particles, for the layers after the neuron; many passes; small networks only",
)


@dataclass(frozen=True)
class Options:
    """How a swarm searches.

    Args:
        particles: how many candidates a neuron has; the first is the neuron as it is.
        moves: how often they move.
        neurons: how many neurons are trained on a batch, the next ones on the next.
        inertia: how much of its velocity a particle keeps.
        own: how strongly it is drawn to the best place it has seen.
        common: how strongly to the best place that any has seen.
    """

    particles: int = between(2, 4096, 16)
    moves: int = between(1, 1000, 3)
    neurons: int = between(1, 1_000_000, 16)
    inertia: float = between(0.0, 1.0, 0.7)
    own: float = between(0.0, 4.0, 1.5)
    common: float = between(0.0, 4.0, 1.5)


def learner(model: nn.Module, dataset: Dataset, setup: Setup) -> Swarms:
    """Return what trains ``model`` neuron by neuron; see ``toolkit.learn.rule.Rule``.

    The learning rate is how far a swarm is spread at first, in lengths of the neuron's weights. A swarm lives for one
    batch: losses of different batches cannot be compared.
    """
    return Swarms(model, setup)


@dataclass(frozen=True)
class Neuron:
    """One row of a layer's weights, with its bias: as a particle's place they are one vector."""

    block: int
    name: str
    layer: nn.Linear | nn.Conv1d | nn.Conv2d
    index: int

    def place(self) -> Tensor:
        """Return where the neuron is now."""
        bias = [] if self.layer.bias is None else [self.layer.bias[self.index, None]]
        return torch.cat([self.layer.weight[self.index].flatten(), *bias])

    def at(self, place: Tensor) -> dict[str, Tensor]:
        """Return the layer's tensors by name, with the neuron at ``place``."""
        chosen = torch.arange(len(self.layer.weight)) == self.index
        weight = place[: self.layer.weight[0].numel()].view_as(self.layer.weight[0])
        mask = chosen.view(-1, *(1,) * weight.dim())
        tensors = {f"{self.name}.weight": torch.where(mask, weight, self.layer.weight)}
        if self.layer.bias is not None:
            tensors[f"{self.name}.bias"] = torch.where(chosen, place[-1], self.layer.bias)
        return tensors


class Swarms:
    """Takes neurons in turn, from the first layer to the last; a neuron moves only to where the loss is less."""

    def __init__(self, model: nn.Module, setup: Setup) -> None:
        self.model, self.setup = model, setup
        self.blocks = blocks(model)
        self.neurons = _neurons(model, self.blocks)
        self.turn = 0

    @torch.no_grad()
    def step(self, inputs: Tensor, targets: Tensor, rate: float, decay: float) -> Tensor:
        """See ``toolkit.learn.rule.Learner``; the loss is that after the last neuron's search."""
        self.model.eval()
        loss, block, values = torch.zeros(()), -1, inputs
        for _ in range(self.setup.options.neurons):
            neuron = self.neurons[self.turn]
            if neuron.block != block:  # what comes before this block stays the same for all its neurons
                block, values = neuron.block, inputs
                for before in self.blocks[:block]:
                    values = before(values)
            place, loss = self._search(neuron, values, inputs, targets, rate)
            for name, tensor in neuron.at(place).items():
                self.model.get_parameter(name).copy_(tensor)
            neuron.layer.weight[neuron.index] *= 1 - rate * decay
            self.turn = (self.turn + 1) % len(self.neurons)
        return loss

    def _search(
        self, neuron: Neuron, values: Tensor, inputs: Tensor, targets: Tensor, rate: float
    ) -> tuple[Tensor, Tensor]:
        """Let a swarm fly, and return the best place that it saw, and its loss (Kennedy and Eberhart 1995)."""
        options, block = self.setup.options, self.blocks[neuron.block]

        def loss(place: Tensor) -> Tensor:
            outputs = torch.func.functional_call(block, neuron.at(place), (values,))
            for after in self.blocks[neuron.block + 1 :]:
                outputs = after(outputs)
            return self.setup.objective(outputs, inputs, targets)

        now = neuron.place()
        spread = rate * now.norm().clamp_min(1e-3) / len(now) ** 0.5
        places = now + spread * torch.randn(options.particles, len(now))
        places[0] = now
        velocities = torch.zeros_like(places)
        best, least = places.clone(), torch.vmap(loss)(places)
        for _ in range(options.moves):
            own, common = torch.rand(2, *places.shape)
            velocities.mul_(options.inertia)
            velocities += options.own * own * (best - places)
            velocities += options.common * common * (best[least.argmin()] - places)
            places += velocities
            found = torch.vmap(loss)(places)
            better = found < least
            best[better], least[better] = places[better], found[better]
        winner = least.argmin()
        return best[winner], least[winner]

    def state_dict(self) -> dict[str, Any]:
        """See ``toolkit.learn.rule.Learner``."""
        return {"turn": self.turn}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See ``toolkit.learn.rule.Learner``."""
        self.turn = state["turn"]


def _neurons(model: nn.Module, parts: list[nn.Module]) -> list[Neuron]:
    """Return every neuron of a model.

    Raises:
        ToolkitError: something that learns has none.
    """
    found = []
    for name, layer in model.named_modules():
        if not any(parameter.requires_grad for parameter in layer.parameters(recurse=False)):
            continue
        if not isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d):
            raise ToolkitError(
                f"{METHOD.slug} trains neurons of linear layers and convolutions, not {type(layer).__name__}",
                at=name,
                fix="use a network without it, or another rule",
            )
        block = next(index for index, part in enumerate(parts) if name in dict(part.named_modules()))
        found += [Neuron(block, name, layer, index) for index in range(len(layer.weight))]
    return found
