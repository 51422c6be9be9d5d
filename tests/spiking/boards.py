"""A streaming network in float32 on the emulated Cortex-M4, step after step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from toolkit.bundle import export
from toolkit.program import pt2
from toolkit.verify.verify import verify


def steps_on_a_board(step: nn.Module, x: Tensor, folder: Path) -> np.ndarray:
    """Demand that every layer at every step is the reference's to the bit, and return the outputs, first axis the step.

    Args:
        step: of ``streaming``.
        x: steps, ``(time, 1, ...)``.
        folder: for ``step.pt2`` and ``bundle``.
    """
    program = torch.export.export(step, (x[0],)).run_decompositions({})
    pt2.save(program, folder / "step.pt2")
    export(
        folder / "step.pt2",
        "cortex-m4",
        folder / "bundle",
        golden=x[:, 0].numpy(),
        golden_count=len(x),
        name="step",
    )
    result = verify(folder / "bundle", fresh=0, layer_samples=len(x))
    assert result.ok, result.first_difference
    assert result.exact
    return np.asarray(np.load(folder / "bundle" / "golden" / "output_0.npy"))
