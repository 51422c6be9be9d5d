"""A NIR file to a program of one step, which keeps the states of its neurons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from quantize.quiet import quiet
from toolkit.spiking.graph import Graph
from toolkit.spiking.nir.read import NO_SETTINGS, load
from toolkit.spiking.nir.settings import Settings
from toolkit.spiking.time import streaming

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def step_program(path: Path, settings: Settings = NO_SETTINGS) -> tuple[ExportedProgram, Graph]:
    """Return the program of one step for one sample, and the network; see ``load``."""
    graph = load(path, settings)
    samples = tuple(torch.zeros(1, *graph.shapes[name]) for name in graph.inputs)
    several = len(samples) > 1
    with quiet(), torch.no_grad():
        step = streaming(graph.eval(), samples if several else samples[0])
        program = torch.export.export(_Several(step) if several else step, samples)
        return program.run_decompositions({}), cast("Graph", step)


class _Several(nn.Module):
    """A network of several inputs, each an argument of its own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(inputs)
