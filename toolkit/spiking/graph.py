"""Networks whose layers are joined in any way, circles included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from toolkit.module_names import module_name
from toolkit.spiking.delay import Delay
from toolkit.spiking.neurons import Neuron, States
from toolkit.spiking.order import Edge, delayed_edges, ordered
from toolkit.spiking.timing import Timing


class Graph(Neuron):
    """Modules and the edges between them; a node takes the sum of all that leads to it.

    Args:
        nodes: neurons, and modules without a memory that take one step ``(n, ...)``, by name.
        edges: from a node to another. Where neurons close a circle, an edge that leaves one of them brings what that
            gave a step before; a ``Delay`` of at least a step adds none.
        shapes: what each node gives in a step, without the axis of samples.
        inputs: the nodes that take what the network takes; of several it takes a tuple.
        outputs: the nodes that give what the network gives, likewise.

    Raises:
        ToolkitError: a circle without a delay.
    """

    def __init__(
        self,
        nodes: Mapping[str, nn.Module],
        edges: Sequence[Edge],
        shapes: Mapping[str, tuple[int, ...]],
        inputs: Sequence[str],
        outputs: Sequence[str],
    ) -> None:
        inner = [module for module in nodes.values() if isinstance(module, Neuron)]
        super().__init__(inner[0].timing if inner else Timing())
        self.edges, self.shapes = list(edges), dict(shapes)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        late = {name for name, module in nodes.items() if isinstance(module, Delay) and module.shortest}
        keeps = {name for name, module in nodes.items() if isinstance(module, Neuron) and module.names}
        now = [edge for edge in edges if edge[1] not in late]
        self.delayed = delayed_edges(now, inputs, keeps)
        self.remembered = sorted({source for source, _ in self.delayed})
        self.sources: dict[str, list[str]] = {name: [] for name in nodes}
        for source, target in self.edges:
            self.sources[target].append(source)
        self.paths: dict[str, str] = {}  # the modules' names here, in the order in which they run
        for name in ordered(nodes, [edge for edge in now if edge not in self.delayed]):
            path = module_name(f"node_{name}" if name.startswith("state_") else name, self)
            self.add_module(path, nodes[name])
            self.paths[name] = path
        states = [self._state(name, state) for name in self.paths for state in self._own(name)]
        self.names = (*states, *(self._state(name, "z") for name in self.remembered))

    def node(self, name: str) -> nn.Module:
        """Return the module of the node ``name``."""
        return cast("nn.Module", getattr(self, self.paths[name]))

    def _own(self, name: str) -> tuple[str, ...]:
        module = self.node(name)
        return module.names if isinstance(module, Neuron) else ()

    def _state(self, name: str, state: str) -> str:
        return f"state_{self.paths[name]}_{state}"

    def forward(self, x: Any, states: States | None = None) -> Any:
        """See ``Neuron``."""
        several = len(self.inputs) > 1
        if states is not None or self.streams:
            return super().forward(x, states)
        steps = list(zip(*x, strict=True)) if several else list(x)
        states, outputs = self.begin(steps[0]), []
        for at in steps:
            y, states = self.step(at, states)
            outputs.append(y)
        if len(self.outputs) > 1:
            return tuple(torch.stack(each) for each in zip(*outputs, strict=True))
        return torch.stack(outputs)

    def begin(self, x: Any) -> States:
        """See ``Neuron``."""
        x = x[0] if len(self.inputs) > 1 else x
        states: list[Tensor] = []
        for name in self.paths:
            module = self.node(name)
            if isinstance(module, Neuron):  # which gives what it takes, by its shape
                states += module.begin(x.new_zeros(len(x), *self.shapes[name]))
        return (*states, *(x.new_zeros(len(x), *self.shapes[name]) for name in self.remembered))

    def step(self, x: Any, states: States) -> tuple[Any, States]:
        """See ``Neuron``; outputs have their own shapes."""
        taken_in = dict(zip(self.inputs, x if len(self.inputs) > 1 else (x,), strict=True))
        one = taken_in[self.inputs[0]]
        kept = dict(zip(self.names, states, strict=True))
        own = {
            name: tuple(kept[self._state(name, state)] for state in self._own(name)) for name in self.paths
        }
        given: dict[str, Tensor] = {}
        for name in self.paths:
            module = self.node(name)
            if isinstance(module, Delay) and module.shortest:  # needs nothing of this step
                given[name] = module.read(own[name], one.new_empty(len(one), *self.shapes[name]))
        late = set(given)
        for name in self.paths:
            if name not in late:
                module = self.node(name)
                taken = taken_in[name] if name in taken_in else self._sum(name, given, kept)
                if isinstance(module, Neuron):
                    given[name], own[name] = module(taken, own[name])
                else:
                    given[name] = module(taken)
        for name in late:
            module = cast("Delay", self.node(name))
            own[name] = module.push(self._sum(name, given, kept), own[name])
        after = [state for name in self.paths for state in own[name]]
        ys = tuple(given[name] for name in self.outputs)
        return ys if len(ys) > 1 else ys[0], (*after, *(given[name] for name in self.remembered))

    def _sum(self, name: str, given: dict[str, Tensor], kept: dict[str, Tensor]) -> Tensor:
        """Return the sum of what leads to a node."""
        parts = [
            kept[self._state(source, "z")] if (source, name) in self.delayed else given[source]
            for source in self.sources[name]
        ]
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total
