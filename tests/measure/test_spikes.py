"""Spikes and what they set off, counted by layer; what a layer that follows spikes costs by how many there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.conftest import Cli
from toolkit.bundle import export
from toolkit.measure.bench import bench
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.neurons import LI, LIF, Firing, Timing
from toolkit.spiking.time import EachStep, streaming

STEPS = 12


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    timing = Timing(1e-3)
    net = nn.Sequential(
        EachStep(nn.Conv2d(1, 32, 3, padding=1)),
        LIF(timing, Firing(), tau=4e-3, r=8.0),
        EachStep(nn.Conv2d(32, 32, 3, padding=1)),
        LIF(timing, Firing(), tau=4e-3, r=8.0),
        EachStep(nn.Sequential(nn.Flatten(), nn.Linear(32 * 36, 64))),
        LI(timing, tau=4e-3),
    ).eval()
    x = torch.rand(STEPS, 1, 1, 6, 6)
    folder = tmp_path_factory.mktemp("spikes")
    pt2.save(quantize_ptq(streaming(net, x[0]), x[:, 0].numpy()), folder / "step.pt2")
    export(folder / "step.pt2", "cortex-m4", folder / "bundle", golden=x[:, 0].numpy(), golden_count=STEPS)
    return folder / "bundle"


def test_spikes_are_counted(bundle: Path) -> None:
    result = bench(bundle)
    assert result.inferences == STEPS  # work follows what potentials have become
    neurons = [layer for layer in result.layers if layer.op == "fire"]
    assert [layer.neurons for layer in neurons] == [32 * 36] * 2
    assert all(layer.spikes is not None and 0 < layer.spikes < 32 * 36 for layer in neurons)
    first, conv, dense = (layer for layer in result.layers if layer.op.endswith("_wide"))
    assert first.synaptic_operations is None  # takes numbers
    assert dense.synaptic_operations == neurons[1].spikes * 64  # each reaches all outputs
    sent = neurons[0].spikes * 32
    assert 4 * sent <= conv.synaptic_operations <= 9 * sent  # four taps at a corner, nine inside


def test_the_command_tells_spikes(bundle: Path, cli: Cli) -> None:
    said = cli("bench", str(bundle))
    assert "syn. ops" in said.out
    assert "%)" in said.out


def test_instructions_follow_the_spikes(bundle: Path, cli: Cli, tmp_path: Path) -> None:
    """A straight line, and at 5 % a fifth of the dense int8 network's, neurons included."""
    said = cli("bench", "activity", str(bundle), "-o", str(tmp_path / "a.svg"), "--json")
    found = said.document
    assert [layer["kernel"] for layer in found["layers"]] == [
        "tk_conv2d_mapped_events",
        "tk_fully_connected_events",
    ]
    assert all(layer["r_squared"] >= 0.99 for layer in found["layers"])
    assert found["r_squared"] >= 0.99
    assert found["of_dense"][found["activities"].index(0.05)] <= 0.2
    assert np.all(np.diff(found["instructions"]) > 0)
    assert "<svg" in (tmp_path / "a.svg").read_text()


def test_a_network_without_spikes_is_refused(cli: Cli, tmp_path: Path) -> None:
    pt2.save(torch.export.export(nn.Linear(3, 2), (torch.zeros(1, 3),)), tmp_path / "net.pt2")
    export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "bundle")
    said = cli("bench", "activity", tmp_path / "bundle")
    assert said.code == 2
    assert "no layer of this network spikes" in said.err
