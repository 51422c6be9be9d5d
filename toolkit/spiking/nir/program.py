"""A NIR file to a program of one step, which keeps the states of its neurons."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch

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
    sample = torch.zeros(1, *graph.shapes[graph.ends[0]])
    with quiet(), torch.no_grad():
        step = streaming(graph.eval(), sample)
        return torch.export.export(step, (sample,)).run_decompositions({}), cast("Graph", step)
