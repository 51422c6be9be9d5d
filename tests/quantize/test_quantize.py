"""From models to programs: what they compute, what is refused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from quantize.qat.int8_qat import Options
from toolkit.data import Dataset, load
from toolkit.errors import ToolkitError
from toolkit.learn import TrainResult, TrainSettings
from toolkit.learn.evaluate import accuracy, predict
from toolkit.learn.loop import train
from toolkit.program import pt2
from toolkit.program.flow import quantize_by
from toolkit.program.quantize import quantize_ptq


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@pytest.fixture(scope="module")
def trained(digits: Dataset) -> nn.Module:
    model = mlp()
    settings = TrainSettings(
        epochs=30, batch_size=32, learning_rate=0.02, label_smoothing=0.05, weight_decay=0.05
    )
    train(model, digits, settings=settings)
    return model


def conv_net() -> nn.Module:
    """Return an untrained net whose normalizations have seen data."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU6(),
        nn.Conv2d(6, 6, 3, groups=6), nn.BatchNorm2d(6), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Hardtanh(-1, 2), nn.Linear(8, 4),
    )  # fmt: skip
    for _ in range(20):
        model(torch.randn(32, 1, 8, 8) * 2 + 1)
    return model.eval()


def samples(count: int = 64) -> np.ndarray:
    return np.random.default_rng(3).normal(1, 2, (count, 1, 8, 8)).astype(np.float32)


def noise(program: ExportedProgram, model: nn.Module, x: np.ndarray) -> float:
    """Return the rms of the rounding noise, relative to the signal's spread."""
    wanted = predict(model, x)
    return float(np.std(predict(program, x) - wanted) / np.std(wanted))


def test_digits_mlp_int8_keeps_97_percent(digits: Dataset, trained: nn.Module) -> None:
    program = quantize_ptq(trained, digits.x_train[:256])
    assert accuracy(program, digits.x_test, digits.y_test) >= 0.97


def test_fine_tuning_keeps_97_percent_and_counts_what_the_program_computes(
    digits: Dataset, trained: nn.Module
) -> None:
    before = copy.deepcopy(trained.state_dict())
    program, result = quantize_qat(trained, digits, epochs=3, batch_size=32, learning_rate=5e-4)
    assert len(result.epochs) == 3
    assert accuracy(program, digits.x_test, digits.y_test) >= 0.97
    assert result.test_accuracy == pytest.approx(accuracy(program, digits.x_test, digits.y_test), abs=0.003)
    assert all(torch.equal(before[name], tensor) for name, tensor in trained.state_dict().items())


def quantize_qat(
    model: nn.Module, data: Dataset, *, epochs: int, learning_rate: float, batch_size: int, **others: Any
) -> tuple[ExportedProgram, TrainResult]:
    """Quantize ``model`` by int8-qat."""
    options, settings = Options(epochs, learning_rate), TrainSettings(batch_size=batch_size)
    program, result = quantize_by("int8-qat", model, data, options=options, settings=settings, **others)
    assert result is not None
    return program, result


def small_conv() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(36, 10))


@pytest.mark.parametrize("net", [mlp, small_conv])  # a convolution's scales are per channel
def test_fine_tuning_resumes_to_the_same_program(
    net: Callable[[], nn.Module], digits: Dataset, tmp_path: Path
) -> None:
    class Stopped(Exception):
        """Stands for the power going off."""

    def stop(epoch: object) -> None:
        raise Stopped

    run = partial(quantize_qat, epochs=2, batch_size=128, learning_rate=1e-3)
    whole, _ = run(net(), digits)
    with pytest.raises(Stopped):
        run(net(), digits, checkpoint=tmp_path / "qat.ckpt", progress=stop)
    resumed, _ = run(net(), digits, checkpoint=tmp_path / "qat.ckpt")
    assert str(whole.graph) == str(resumed.graph)  # scales are literals in it
    for name, tensor in whole.state_dict.items():
        assert torch.equal(tensor, resumed.state_dict[name]), name


def test_evaluating_does_not_move_the_ranges(digits: Dataset) -> None:
    louder = copy.copy(digits)
    object.__setattr__(louder, "x_test", digits.x_test * 100)
    calm, loud = (
        quantize_qat(mlp(), data, epochs=1, batch_size=128, learning_rate=3e-3)[0]
        for data in (digits, louder)
    )
    assert str(calm.graph) == str(loud.graph)


def test_fine_tuning_folds_batch_norm_first(digits: Dataset) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(0.3),
        nn.Flatten(),
        nn.Linear(36, 10),
    )
    program, result = quantize_qat(model, digits, epochs=2, batch_size=64, learning_rate=1e-2)
    names = {str(node.target) for node in program.graph.nodes}
    assert not [name for name in names if "batch_norm" in name or "dropout" in name]
    assert result.test_accuracy is not None
    assert accuracy(program, digits.x_test, digits.y_test) == pytest.approx(result.test_accuracy, abs=0.01)


def test_conv_net_with_batch_norm_is_quantized_with_little_noise() -> None:
    model = conv_net()
    program = quantize_ptq(model, samples())
    assert noise(program, model, samples()) < 0.05


@pytest.mark.parametrize("road", ["as exported", "decomposed", "any batch", "from a file"])
def test_users_program_is_quantized_like_its_model(road: str, tmp_path: Path) -> None:
    model = conv_net()
    dynamic = ({0: Dim("n", min=2)},) if road == "any batch" else None
    example = torch.zeros(4 if dynamic else 1, 1, 8, 8)
    program = torch.export.export(model, (example,), dynamic_shapes=dynamic)
    if road == "decomposed":
        program = program.run_decompositions()
    if road == "from a file":
        pt2.save(program, tmp_path / "m.pt2", {})
        program, _ = pt2.load(tmp_path / "m.pt2")
    quantized = quantize_ptq(program, samples())
    assert noise(quantized, model, samples()) < 0.05
    kinds = [str(t.dtype) for name, t in quantized.state_dict.items() if name.endswith("weight")]
    assert kinds == ["torch.int8"] * 4


def test_result_survives_saving_and_loading(tmp_path: Path) -> None:
    program = quantize_ptq(conv_net(), samples())
    pt2.save(program, tmp_path / "q.pt2", {"dataset": "noise"})
    loaded, info = pt2.load(tmp_path / "q.pt2")
    assert info == {"dataset": "noise"}
    np.testing.assert_array_equal(predict(loaded, samples(8)), predict(program, samples(8)))


def test_same_model_and_data_give_the_same_program() -> None:
    one, two = (quantize_ptq(conv_net(), samples()) for _ in range(2))
    assert str(one.graph) == str(two.graph)


def test_model_and_its_mode_are_left_alone() -> None:
    model = conv_net().train()
    before = copy.deepcopy(model.state_dict())
    quantize_ptq(model, samples(4))
    assert model.training
    assert isinstance(model[1], nn.BatchNorm2d)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("as_program", [False, True])
def test_weights_that_are_not_finite_are_named(value: float, as_program: bool) -> None:
    model = mlp()
    model[3].weight.data[2, 5] = value
    source = torch.export.export(model, (torch.zeros(1, 1, 8, 8),)) if as_program else model
    with pytest.raises(ToolkitError, match="1 of 320 weights are NaN or infinite") as error:
        quantize_ptq(source, samples())
    assert error.value.at == "3.weight"


@pytest.mark.parametrize("count", [0, 1])
def test_missing_calibration_data_is_an_error(count: int) -> None:
    empty = np.zeros((0, 1, 8, 8), np.float32) if count == 0 else np.zeros(64, np.float32)
    with pytest.raises(ToolkitError, match="no sample"):
        quantize_ptq(mlp(), empty)


def test_calibration_data_that_is_not_finite_is_an_error() -> None:
    x = samples(4)
    x[2, 0, 0, 0] = np.nan
    with pytest.raises(ToolkitError, match="calibration data holds NaN"):
        quantize_ptq(mlp(), x)


def test_activation_that_overflows_names_its_layer() -> None:
    model = mlp()
    model[1].weight.data[:] = 1e38
    with pytest.raises(ToolkitError, match="infinity") as error:
        quantize_ptq(model, np.full((2, 1, 8, 8), 100, np.float32))
    assert error.value.at in ("1", "2")


@pytest.mark.parametrize("as_program", [False, True])
def test_samples_of_another_shape_are_an_error(as_program: bool) -> None:
    source = torch.export.export(mlp(), (torch.zeros(1, 1, 8, 8),)) if as_program else mlp()
    with pytest.raises(ToolkitError, match="shape"):
        quantize_ptq(source, np.zeros((2, 1, 7, 8), np.float32))


def test_programs_that_cannot_be_calibrated_are_refused() -> None:
    class Two(nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return x + y

    x = torch.zeros(1, 4)
    with pytest.raises(ToolkitError, match="takes 2 inputs"):
        quantize_ptq(torch.export.export(Two(), (x, x)), np.zeros((1, 4), np.float32))
    with pytest.raises(ToolkitError, match="exported for 3 samples"):
        quantize_ptq(torch.export.export(nn.Linear(4, 2), (torch.zeros(3, 4),)), np.zeros((1, 4), np.float32))
    with pytest.raises(ToolkitError, match="float64"):
        quantize_ptq(
            torch.export.export(nn.Linear(4, 2).double(), (x.double(),)), np.zeros((1, 4), np.float32)
        )
    with pytest.raises(ToolkitError, match=r"cannot be exported|float64"):
        quantize_ptq(nn.Linear(4, 2).double(), np.zeros((1, 4), np.float32))


def test_data_dependent_model_is_refused() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(ToolkitError, match="cannot be exported"):
        quantize_ptq(Branching(), np.ones((1, 4), np.float32))


def test_batch_norm_over_another_axis_is_not_folded_wrongly() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(6, 5), nn.BatchNorm1d(5)
    )  # (N, 5, 6) in: Linear's channels are the last axis
    for _ in range(5):
        model(torch.randn(8, 5, 6) * torch.arange(1.0, 6)[:, None])
    with pytest.raises(ToolkitError, match="folding batch normalization changes"):
        quantize_ptq(model, np.random.default_rng(0).normal(size=(4, 5, 6)).astype(np.float32))
