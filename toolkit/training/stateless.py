"""A training step whose states are inputs and outputs, for runtimes that keep none of their own."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from toolkit.program.blank import blank_inputs


def stateless(program: ExportedProgram) -> tuple[ExportedProgram, dict[str, Tensor]]:
    """Return a program that takes ``program``'s states after its inputs and gives their new content after its outputs.

    Args:
        program: a training step, as ``toolkit.training.step.training_step`` makes it.

    Returns:
        The program, and the first content of the states in the order of their inputs.
    """
    signature = program.graph_signature
    held: dict[str, Any] = {**program.state_dict, **program.constants}
    names = {**signature.inputs_to_buffers, **signature.inputs_to_parameters}
    names |= signature.inputs_to_lifted_tensor_constants
    order = [names.get(node.name, node.name) for node in program.graph.find_nodes(op="placeholder")]
    given = [str(name) for name in signature.user_inputs]
    # in the order in which the graph gives their new content
    changed = list(signature.buffers_to_mutate.values())
    module = _Stateless(program.graph_module, order, given, changed, held)
    states = {name: held[name].detach().clone() for name in changed}
    inputs = (*blank_inputs(program), *states.values())
    return torch.export.export(module, inputs).run_decompositions({}), states


class _Stateless(nn.Module):
    """Runs a functional graph with its states given."""

    def __init__(
        self,
        graph: fx.GraphModule,
        order: list[str],
        given: list[str],
        changed: list[str],
        held: dict[str, Any],
    ) -> None:
        super().__init__()
        self.graph, self.order, self.given, self.changed = graph, order, given, changed
        self.constants = {
            name: f"constant_{i}" for i, name in enumerate(n for n in order if n not in (*given, *changed))
        }
        for name, buffer in self.constants.items():
            self.register_buffer(buffer, held[name].detach().clone())

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        known = dict(zip((*self.given, *self.changed), values, strict=True))
        known |= {name: self.get_buffer(buffer) for name, buffer in self.constants.items()}
        found = self.graph(*(known[name] for name in self.order))
        return (*found[len(self.changed) :], *found[: len(self.changed)])
