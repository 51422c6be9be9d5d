"""Inputs to export and trace with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.export import ExportedProgram


def blank_inputs(program: ExportedProgram) -> tuple[Tensor, ...]:
    """Return zeros in the shapes and types that ``program`` takes, in its order."""
    values = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    return tuple(
        torch.zeros(values[name].shape, dtype=values[name].dtype)
        for name in program.graph_signature.user_inputs
    )
