"""Synapses with delays: what they compute, that delays are learnt, and the same in C, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.spiking.boards import steps_on_a_board
from toolkit.bundle import export
from toolkit.errors import ToolkitError
from toolkit.lower.passes import lower
from toolkit.measure.bench import bench
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.delayed_linear import NARROWEST, DelayedLinear, clamp_delays, narrow
from toolkit.spiking.neurons import LI, LIF, Firing, Timing
from toolkit.spiking.time import EachStep, streaming
from toolkit.verify.verify import verify

TIMING = Timing(10e-3)
STEPS = 60


def _spikes(steps: int, inputs: int, n: int = 1, seed: int = 0) -> Tensor:
    return (torch.rand(steps, n, inputs, generator=torch.Generator().manual_seed(seed)) < 0.2).float()


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    first = DelayedLinear(TIMING, 6, 8, max_delay=7)
    neurons = LIF(TIMING, Firing(v_threshold=0.2), tau=15e-3, r=2.0)
    return nn.Sequential(
        first,
        EachStep(nn.BatchNorm1d(8)),
        neurons,
        DelayedLinear(TIMING, 8, 3, max_delay=3),
        LI(TIMING, 50e-3),
    ).eval()


def test_a_delay_is_the_distance_to_what_is_read() -> None:
    torch.manual_seed(0)
    layer, x = DelayedLinear(TIMING, 4, 3, max_delay=5).eval(), _spikes(20, 4, n=2)
    wanted = torch.zeros(20, 2, 3)
    for o in range(3):
        for i in range(4):
            delay = int(layer.whole_delays()[o, i])
            wanted[delay:, :, o] += layer.weight[o, i] * x[: 20 - delay, :, i]
    torch.testing.assert_close(layer(x), wanted)


def test_training_is_what_evaluation_is_once_delays_are_whole_and_narrow() -> None:
    torch.manual_seed(0)
    layer, x = DelayedLinear(TIMING, 4, 3, max_delay=5), _spikes(20, 4, n=2)
    with torch.no_grad():
        layer.delays.round_()
        narrow(layer, 0.0)
        wide = layer.train()(x)
        layer.width.fill_(0.1)
        near = layer(x)
        whole = layer.eval()(x)
    torch.testing.assert_close(near, whole)
    assert float((wide - whole).abs().mean()) > 0.05


def test_a_delay_is_learnt() -> None:
    """Of a signal and the same signal 6 steps later, the layer finds the 6."""
    torch.manual_seed(0)
    layer, x = DelayedLinear(TIMING, 1, 1, max_delay=9), _spikes(200, 1, n=4)
    wanted = 0.7 * torch.cat([torch.zeros(6, 4, 1), x[:-6]])
    with torch.no_grad():
        layer.delays.fill_(1.0)
    optimizer = torch.optim.Adam(
        [{"params": [layer.weight], "lr": 0.02}, {"params": [layer.delays], "lr": 0.1}]
    )
    for step in range(200):
        narrow(layer, step / 150)
        loss = (layer(x) - wanted).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clamp_delays(layer)
    assert layer.whole_delays().item() == 6
    torch.testing.assert_close(layer.eval()(x), wanted, atol=0.2, rtol=0)


def test_widths_shrink_to_half_a_step() -> None:
    layer = DelayedLinear(TIMING, 2, 2, max_delay=7)
    found = []
    for share in (0.0, 0.5, 1.0, 2.0):
        narrow(layer, share)
        found.append(float(layer.width))
    assert found == pytest.approx([4.0, (4.0 * NARROWEST) ** 0.5, NARROWEST, NARROWEST])


def test_delays_stay_in_their_range() -> None:
    layer = DelayedLinear(TIMING, 2, 1, max_delay=7)
    with torch.no_grad():
        layer.delays.copy_(torch.tensor([[-3.0, 11.0]]))
    clamp_delays(layer)
    assert layer.delays.tolist() == [[0.0, 7.0]]


def test_steps_are_the_whole() -> None:
    net, x = _net(), _spikes(STEPS, 6)
    step = streaming(net, x[0])
    with torch.no_grad():
        first, spikes = net[0](x), net[:3](x)
        assert spikes.mean() > 0.05
        torch.testing.assert_close(torch.stack([step[0](at) for at in x]), first)  # type: ignore[index]
        step = streaming(net, x[0])
        assert torch.equal(torch.stack([step[:3](at) for at in x]), spikes)  # type: ignore[index]
        step = streaming(net, x[0])
        torch.testing.assert_close(torch.stack([step(at) for at in x]), net(x))


def test_a_board_keeps_what_is_on_its_way(tmp_path: Path) -> None:
    """Two layers with delays, one step a run: C equals the reference to the bit, and follows the whole sequence."""
    net, x = _net(), _spikes(STEPS, 6)
    found = steps_on_a_board(streaming(net, x[0]), x, tmp_path)
    with torch.no_grad():
        np.testing.assert_allclose(found.reshape(STEPS, 1, 3), net(x).numpy(), rtol=1e-4, atol=1e-6)
    layers = bench(tmp_path / "bundle").layers
    first, second = (layer for layer in layers if layer.op == "send_delayed")
    (neurons,) = (layer for layer in layers if layer.op == "fire")
    assert first.synaptic_operations == pytest.approx(float(x.sum()) / STEPS * 8)
    assert neurons.spikes is not None
    assert second.synaptic_operations == pytest.approx(neurons.spikes * 3)


def test_a_normalization_is_folded_and_sums_are_integers(tmp_path: Path) -> None:
    net = nn.Sequential(EachStep(nn.Linear(5, 6)), LIF(TIMING, Firing(), tau=15e-3, r=9.0), *_net())
    x = torch.rand(STEPS, 1, 5, generator=torch.Generator().manual_seed(2))
    norm: Any = net[3].module
    norm.running_mean, norm.running_var = torch.rand(8) * 0.1, 0.01 + torch.rand(8)
    net.eval()
    step = streaming(net, x[0])
    with torch.no_grad():
        stepped = torch.stack([step(at).clone() for at in x])
        torch.testing.assert_close(stepped, net(x), atol=1e-5, rtol=1e-4)
    pt2.save(quantize_ptq(streaming(net, x[0]), x[:, 0].numpy()), tmp_path / "step.pt2")
    lowered = lower(pt2.load(tmp_path / "step.pt2")[0])
    sent = [one for one in lowered.steps if one.op == "send_delayed"]
    assert [one.output.dtype for one in sent] == ["int16"] * 2
    export(
        tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden=x[:, 0].numpy(), golden_count=STEPS
    )
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=STEPS)
    assert result.ok, result.first_difference
    assert result.exact
    found = np.load(tmp_path / "bundle" / "golden" / "output_0.npy")
    assert found.any()


@pytest.mark.parametrize("max_delay", [0, 255])
def test_refuses_delays_that_no_ring_holds(max_delay: int) -> None:
    with pytest.raises(ToolkitError, match=f"longest delay of {max_delay} steps"):
        DelayedLinear(TIMING, 1, 1, max_delay)
