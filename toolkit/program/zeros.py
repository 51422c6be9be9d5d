"""How sparse a program's integer weights are."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram


def zeros(program: ExportedProgram) -> dict[str, float]:
    """Return the fraction of zeros in each integer weight, by name; symmetric weights store a zero as 0."""
    return {
        name: float((tensor == 0).float().mean())
        for name, tensor in program.state_dict.items()
        if tensor.dtype == torch.int8 and tensor.dim() > 1
    }
