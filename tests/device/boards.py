"""The boards that firmware is built for, and a network that all of them hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from toolkit import bundle, models
from toolkit.device import targets
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq

BOARDS = [
    name for name in targets.names() if (target := targets.load(name)).image is not None and target.serial
]
SAMPLES = 2


def digits(folder: Path) -> Path:
    """Write the bundle of a small network for 8x8 images with kernels that every core runs; return its folder."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = models.build("mlp", "digits").eval()
    images = np.random.default_rng(0).uniform(size=(64, 1, 8, 8)).astype(np.float32)
    pt2.save(quantize_ptq(model, images), folder / "mlp.pt2")
    bundle.export(folder / "mlp.pt2", "cortex-m3", folder / "bundle", golden=images[:SAMPLES])
    return folder / "bundle"
