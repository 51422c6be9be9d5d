"""Networks of one time step: thresholds from the Hoyer extremum, its gradient, and integers on a board."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from toolkit import data, models
from toolkit.bundle import export
from toolkit.learn import TrainSettings, loop
from toolkit.learn.evaluate import accuracy
from toolkit.program import pt2
from toolkit.program.quantize import quantize_ptq
from toolkit.spiking.methods.hoyer_snn import HoyerSpike, extremum
from toolkit.verify.verify import verify


def _hoyer(z: torch.Tensor) -> torch.Tensor:
    return z.abs().sum().square() / z.square().sum()


def test_the_threshold_is_where_the_hoyer_measure_turns() -> None:
    z = torch.rand(1000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    at = extremum(z)
    for value in (
        0.8,
        1.25,
    ):  # below the extremum one more of that size adds to the measure's slope, above it takes
        probe = z.clone().requires_grad_()
        with torch.no_grad():
            probe[0] = value * at
        (slope,) = torch.autograd.grad(_hoyer(probe), probe)
        assert (slope[0] > 0) == (value < 1)


def test_training_takes_the_batches_extremum_and_evaluation_the_running_one() -> None:
    torch.manual_seed(0)
    layer, x = HoyerSpike(momentum=1.0), torch.randn(50, 20)
    with torch.no_grad():
        layer.v_threshold.fill_(0.7)
        spikes = layer(x)
        level = 0.7 * extremum((x / 0.7).clamp(0, 1))
        assert torch.equal(spikes, (x >= level).float())
        assert torch.equal(layer.eval()(x), spikes)
    assert layer.level == pytest.approx(float(level))
    with torch.no_grad():
        other = torch.where(x > 0, 0.7, x)  # all clipped: an extremum of its own
        assert torch.equal(layer(other), (other >= level).float())


def test_the_regularizer_is_in_the_gradient() -> None:
    torch.manual_seed(0)
    x = torch.randn(60, requires_grad=True)
    layer = HoyerSpike(strength=1e-2)
    (layer(x) * 0.0).sum().backward()
    same, unit = x.detach().requires_grad_(), layer.v_threshold.detach().requires_grad_()
    (1e-2 * _hoyer((same / unit).clamp(0, 1))).backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, same.grad)
    assert layer.v_threshold.grad is not None
    torch.testing.assert_close(layer.v_threshold.grad, unit.grad)


def test_gradients_reach_twice_the_threshold() -> None:
    layer, x = HoyerSpike(strength=0.0), torch.tensor([-0.1, 0.1, 1.9, 2.1], requires_grad=True)
    with torch.no_grad():
        layer.v_threshold.fill_(1.0)
    layer(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_loaded_weights_bring_their_level() -> None:
    trained, fresh = HoyerSpike(), HoyerSpike().eval()
    with torch.no_grad():
        trained(torch.rand(100))
    fresh.load_state_dict(trained.state_dict())
    assert fresh.level == trained.eval().level != 0.5


def test_one_step_in_integers_on_a_board(tmp_path: Path) -> None:
    torch.manual_seed(0)
    digits = data.load("digits")
    model: nn.Module = models.build(
        "hoyer_cnn", "digits", layers=[[8, 1, 1], [16, 1, 1], [16, 1, 0]], pooled=[1]
    )
    settings = TrainSettings(epochs=4, batch_size=32, learning_rate=1e-2)
    found = loop.train(model, digits, settings=settings).test_accuracy
    assert found is not None
    assert found > 0.9
    program = quantize_ptq(model.eval(), digits.x_train[:128])
    assert accuracy(program, digits.x_test, digits.y_test) > found - 0.02
    pt2.save(program, tmp_path / "net.pt2")
    export(tmp_path / "net.pt2", "cortex-m4", tmp_path / "bundle", golden_count=4)
    result = verify(tmp_path / "bundle", fresh=10, layer_samples=1)
    assert result.ok, result.first_difference
    assert result.exact
    layers = json.loads((tmp_path / "bundle" / "manifest.json").read_text())["layers"]
    kernels = [layer["kernel"] for layer in layers]
    assert not [kernel for kernel in kernels if "f32" in kernel or "quantize" in kernel], kernels
    assert sum("fire" in kernel for kernel in kernels) == 3
    with torch.no_grad():
        spikes = model.blocks(torch.from_numpy(digits.x_test[:8]))  # type: ignore[operator]
    assert set(np.unique(spikes)) == {0.0, 1.0}
