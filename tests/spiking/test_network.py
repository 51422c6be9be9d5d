"""A spiking network through quantization and the compiler, all of its steps in one program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from toolkit import models
from toolkit.bundle import export
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.neurons import LIF, Firing, I, Timing
from toolkit.spiking.time import EachStep, streaming
from toolkit.verify.verify import verify


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


def test_means_of_spikes_are_not_rounded_to_spikes() -> None:
    torch.manual_seed(1)
    timing = Timing(1e-3)
    head = nn.Sequential(nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(24, 4))
    net = nn.Sequential(
        EachStep(nn.Conv2d(1, 6, 3, padding=1)), LIF(timing, Firing(), 4e-3, 9.0), EachStep(head), I(timing)
    ).eval()
    x = torch.rand(16, 1, 1, 8, 8)
    program = quantize_ptq(streaming(net, x[0]), x[:, 0].numpy())
    with torch.no_grad():
        step = program.module(check_guards=False)
        found, wanted = torch.stack([step(at).clone() for at in x]), net(x)
    assert float((found - wanted).abs().max()) < 0.05 * float(wanted.abs().max())
