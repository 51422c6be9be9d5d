"""A spiking network through quantization and the compiler, all of its steps in one program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from toolkit import models
from toolkit.bundle import export
from toolkit.measure.verify import verify
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq


def test_four_steps_in_int8_on_a_board(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = models.build("spiking_cnn", "digits", layers=[[4, 2, 1], [6, 1, 1]])
    images = torch.rand(32, 1, 8, 8)
    model(images)  # statistics of its normalizations
    program = quantize_ptq(model.eval(), images.numpy())
    pt2.save(program, tmp_path / "net.pt2")
    export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "bundle", golden_count=4)
    result = verify(tmp_path / "bundle", fresh=10, layer_samples=1)
    assert result.ok, result.first_difference
    assert result.exact
    with torch.no_grad():
        wanted = model(images)
    found = torch.cat([program.module(check_guards=False)(image[None]) for image in images])
    assert float((found - wanted).abs().mean()) < 0.2 * float(wanted.abs().mean())
    assert np.isfinite(found.numpy()).all()
