"""ReLU networks become spiking ones that answer alike, in torch, step by step and in C."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.conftest import Cli
from toolkit import data, models
from toolkit.bundle import export
from toolkit.data import Dataset
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings, loop
from toolkit.learn.evaluate import accuracy
from toolkit.program import pt2
from toolkit.spiking.methods.conversion import convert
from toolkit.spiking.time import streaming
from toolkit.verify.verify import verify


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return data.load("digits")


@pytest.fixture(scope="module")
def relu_net(digits: Dataset) -> nn.Module:
    """A small CNN that has learnt the digits."""
    torch.manual_seed(0)
    model = models.build("cnn", "digits", layers=[[12, 1, 1], [24, 2, 1]])
    loop.train(model, digits, settings=TrainSettings(epochs=8, learning_rate=1e-2))
    return model


def _every_layer() -> nn.Module:
    """A net of all that can be converted, its normalizations away from doing nothing."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.ZeroPad2d(1), nn.Conv2d(2, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AvgPool2d(2), nn.Conv2d(6, 6, 3, padding=1, groups=3), nn.ReLU6(), nn.Dropout(),
        nn.Conv2d(6, 8, 1), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 5),
    )  # fmt: skip
    for layer in net:
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean.uniform_(-0.3, 0.3)  # type: ignore[union-attr]
            layer.running_var.uniform_(0.3, 1.0)  # type: ignore[union-attr]
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    return net.eval()


def test_spikes_are_activations_rounded(digits: Dataset) -> None:
    """One hidden layer of constant input: each neuron's number of spikes is its activation, to half a spike."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 4)).eval()
    x, steps = torch.from_numpy(digits.x_train[:50]), 16
    made = convert(
        net, digits.x_train[:50], steps=steps, balance="percentile", percentile=100.0, correct=False
    )
    with torch.no_grad():
        activations = net[:3](x)
        counts = made.layers[:2](x.expand(steps, *x.shape)).sum(0)
    wanted = activations * steps / activations.max()
    assert float((counts - wanted).abs().max()) <= 0.5 + 1e-4
    assert counts.max() == steps


def test_many_steps_come_to_the_same_logits() -> None:
    net, x = _every_layer(), torch.randn(40, 2, 8, 8) * torch.linspace(0.2, 5.0, 40).view(-1, 1, 1, 1)
    errors = []
    with torch.no_grad():
        wanted = net(x)
        for steps in (4, 32, 256):
            made = convert(net, x.numpy(), steps=steps, balance="percentile", percentile=100.0, correct=False)
            errors.append(float((made(x) - wanted).abs().mean() / wanted.std(0).mean()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 0.06


def test_the_digits_survive_a_few_steps(digits: Dataset, relu_net: nn.Module) -> None:
    """What few steps need: thresholds of least error, potentials that begin in the middle, corrected biases."""
    before = accuracy(relu_net, digits.x_test, digits.y_test)

    def after(steps: int, **settings: object) -> float:
        made = convert(relu_net, digits.x_train[:256], steps=steps, **settings)  # type: ignore[arg-type]
        return accuracy(made, digits.x_test, digits.y_test)

    assert before > 0.95
    assert after(8) >= before - 0.015
    assert after(1) > after(1, correct=False) + 0.02
    plain = {"correct": False, "balance": "percentile"}
    assert after(2, correct=False) > after(2, **plain) > after(2, **plain, initial=0.0)


def test_steps_in_c_are_the_whole(digits: Dataset, relu_net: nn.Module, tmp_path: Path) -> None:
    """Streamed, exported and compiled: after the last step a board has the logits of the whole run."""
    steps = 5
    made = convert(relu_net, digits.x_train[:64], steps=steps)
    image = torch.from_numpy(digits.x_test[:1])
    step = streaming(made.layers, image)
    pt2.save(torch.export.export(step, (image,)).run_decompositions({}), tmp_path / "step.pt2")
    shown = np.repeat(digits.x_test[:1], steps, 0)
    export(tmp_path / "step.pt2", "cortex-m4", tmp_path / "bundle", golden=shown, golden_count=steps)
    result = verify(tmp_path / "bundle", fresh=0, layer_samples=steps)
    assert result.ok, result.first_difference
    assert result.exact
    found = np.load(tmp_path / "bundle" / "golden" / "output_0.npy")
    with torch.no_grad():
        np.testing.assert_allclose(found[-1].reshape(1, -1), made(image).numpy(), rtol=1e-4, atol=1e-5)


class _Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.relu = nn.Linear(4, 4), nn.Linear(4, 4), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.first(x))
        out: Tensor = self.second(x) + x
        return out


REFUSED: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "max pool": (
        lambda: nn.Sequential(nn.Conv1d(4, 4, 3), nn.ReLU(), nn.MaxPool1d(2), nn.Sigmoid()),
        "2 (aten.max_pool1d.default), 3 (aten.sigmoid.default)",
        "pool by averages",
    ),
    "residual": (_Residual, "relu (aten.relu.default, which is no link of a chain)", "one after another"),
    "norm": (lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 2)), "1 (", ""),
    "leaky": (lambda: nn.Sequential(nn.Linear(4, 4), nn.Hardtanh(), nn.Linear(4, 2)), "from -1", ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_converted_is_named(name: str) -> None:
    make, at, fix = REFUSED[name]
    shape = (8, 4, 9) if name == "max pool" else (8, 4)
    with pytest.raises(ToolkitError, match="cannot become a spiking one") as caught:
        convert(make().eval(), np.ones(shape, np.float32))
    assert at in caught.value.at
    assert fix in caught.value.fix


def test_a_relu_without_a_layer_is_refused() -> None:
    with pytest.raises(ToolkitError, match="no layer with weights before 1"):
        convert(nn.Sequential(nn.Flatten(), nn.ReLU(), nn.Linear(4, 2)).eval(), np.ones((8, 4), np.float32))


@pytest.mark.parametrize("setting", [{"steps": 0}, {"percentile": 0.0}, {"balance": "mean"}], ids=str)
def test_settings_that_make_no_sense_are_named(setting: dict[str, object]) -> None:
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    with pytest.raises(ToolkitError, match=next(iter(setting))):
        convert(net, np.ones((8, 4), np.float32), **setting)  # type: ignore[arg-type]


def test_a_layer_that_is_silent_is_named() -> None:
    first = nn.Linear(4, 4)
    nn.init.constant_(first.bias, -100.0)
    net = nn.Sequential(first, nn.ReLU(), nn.Linear(4, 2)).eval()
    with pytest.raises(ToolkitError, match="are nothing") as caught:
        convert(net, np.ones((8, 4), np.float32))
    assert caught.value.at == "1"


def test_a_file_becomes_a_spiking_program(
    cli: Cli, digits: Dataset, relu_net: nn.Module, tmp_path: Path
) -> None:
    """From a float .pt2 on the command line to what the same conversion gives in Python."""
    sample = torch.zeros(1, 1, 8, 8)
    pt2.save(torch.export.export(relu_net, (sample,)).run_decompositions({}), tmp_path / "net.pt2")
    np.save(tmp_path / "x.npy", digits.x_train[:64])
    files = (tmp_path / "net.pt2", "-c", tmp_path / "x.npy", "-o", tmp_path / "s.pt2")
    done = cli("convert", *files, "--steps", 3, "--json")
    assert done.code == 0, done.err
    assert done.document["steps"] == 3
    program, _ = pt2.load(tmp_path / "s.pt2")
    image = torch.from_numpy(digits.x_test[:1])
    made = convert(relu_net, digits.x_train[:64], steps=3)
    with torch.no_grad():
        assert torch.allclose(program.module()(image), made(image), atol=1e-5)
    done = cli("convert", tmp_path / "net.pt2", "--json")
    assert done.code == 2
    assert "--calibration" in done.err


def test_a_project_is_converted(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text(
        '[model]\nfamily = "mlp"\n\n[train]\nepochs = 12\nlearning_rate = 1e-2\n'
    )
    done = cli("convert", "--project", tmp_path, "--stream", "--json")
    assert done.code == 0, done.err
    scores = done.document["accuracy"]
    assert scores["relu"] > 0.9
    assert scores["spiking"] > scores["relu"] - 0.03
    assert (tmp_path / "build" / "spiking.pt2").exists()
