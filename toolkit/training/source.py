"""What a training step is made of: a program that a file holds."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor
from torch.export import ExportedProgram

from toolkit.errors import ToolkitError
from toolkit.program.blank import blank_inputs


def sample_of(program: ExportedProgram, at: Path) -> Tensor:
    """Return a sample of zeros as ``program`` takes it.

    Raises:
        ToolkitError: it takes several tensors, or keeps states: it learns already, or goes through a sequence.
    """
    signature = program.graph_signature
    if signature.buffers_to_mutate:
        raise ToolkitError(
            f"the program keeps {', '.join(signature.buffers_to_mutate.values())} from run to run",
            at=str(at),
            fix="give the model itself, not a training step or a streaming form of it",
        )
    names = signature.user_inputs
    if len(names) != 1:
        raise ToolkitError(
            f"the model takes {len(names)} inputs; a training step takes models with one", at=str(at),
            fix="wrap the model so that it takes one tensor",
        )  # fmt: skip
    return blank_inputs(program)[0]
