"""Ternary models: from training to programs that hold the codes exactly."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from quantize.lowbit import bitnet158
from quantize.ternary import split
from toolkit.data import Dataset, load
from toolkit.errors import CHECK_FAILED, ToolkitError
from toolkit.learn import TrainSettings
from toolkit.learn.evaluate import accuracy
from toolkit.models import build
from toolkit.program import convert
from toolkit.program.flow import quantize_by
from toolkit.program.quantize import quantize_ptq


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


def ternary_net(**options: object) -> nn.Module:
    """Return an untrained net after ``bitnet158.apply`` with statistics and negative factors in its norms."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, groups=2), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Flatten(), nn.Linear(128, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 4),
    )  # fmt: skip
    bitnet158.apply(model, bitnet158.Options(**options))
    with torch.no_grad():
        for norm in (model[1], model[4], model[8]):
            norm.weight.normal_()
            norm.bias.normal_()
    for _ in range(20):
        model(torch.randn(32, 1, 8, 8))
    return model.eval()


def convert_ternary(trained: nn.Module, calibration: np.ndarray) -> torch.export.ExportedProgram:
    """Quantize a net that was trained after ``bitnet158.apply``, as a training loop of one's own would end."""
    baked = copy.deepcopy(trained)
    ternary = bitnet158.bake(baked)
    others = bitnet158.sparsity(baked).keys() - set(ternary)
    return quantize_ptq(baked, calibration, weights="ternary", int8_layers=others)


def samples(count: int = 16) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 1, (count, 1, 8, 8)).astype(np.float32)


def ranges(program: torch.export.ExportedProgram) -> dict[str, tuple[int, int, bool]]:
    """Return each weight's (low, high, per channel) by name."""
    names = program.graph_signature.inputs_to_buffers
    found = {}
    for node in program.graph.nodes:
        if "dequantize" in str(node.target) and node.args[0].name in names:
            found[names[node.args[0].name]] = (*node.args[-3:-1], "channel" in str(node.target))
    return found


@pytest.mark.parametrize("per_channel", [False, True])
def test_codes_survive_folding_and_quantization_to_the_bit(per_channel: bool) -> None:
    model = ternary_net(per_channel=per_channel)
    assert any(bool((model[index].weight < 0).any()) for index in (1, 4, 8))
    codes = {f"{index}.weight": model[index].weight.sign() for index in (0, 3, 7, 10)}
    factors = {"0.weight": model[1], "3.weight": model[4], "7.weight": model[8]}
    program = convert_ternary(model, samples())
    for name, expected in codes.items():
        held = program.state_dict[name]
        assert held.dtype == torch.int8
        turned = (
            factors[name].weight.sign().reshape(-1, *(1,) * (expected.dim() - 1)) if name in factors else 1
        )
        assert torch.equal(held.float(), expected * turned), name
    assert ranges(program) == {
        "0.weight": (-1, 1, True),
        "3.weight": (-1, 1, True),
        "7.weight": (-1, 1, True),  # folding gave each row its own scale
        "10.weight": (-1, 1, per_channel),
    }


def test_program_computes_what_the_baked_model_computes() -> None:
    model = ternary_net(activation_bits=0)
    program = convert_ternary(model, samples())
    x = torch.from_numpy(samples())
    with torch.no_grad():
        wanted = model(x)
        module = program.module()
        found = torch.cat([module(one) for one in x.split(1)])
    assert float((found - wanted).std() / wanted.std()) < 0.05


def test_layers_kept_in_int8_are_int8() -> None:
    program = convert_ternary(ternary_net(keep_first=True, skip=("7",)), samples())
    assert ranges(program) == {
        "0.weight": (-127, 127, True),
        "3.weight": (-1, 1, True),
        "7.weight": (-127, 127, False),
        "10.weight": (-1, 1, False),
    }


def test_dead_and_nearly_dead_channels_become_zero() -> None:
    model = ternary_net()
    with torch.no_grad():
        model[1].weight[2] = 0
        model[1].weight[5] = 1e-30
    program = convert_ternary(model, samples())
    codes = program.state_dict["0.weight"].flatten(1).abs().sum(1)
    assert [index for index, count in enumerate(codes) if count == 0] == [2, 5]
    assert bool((program.state_dict["0.weight_scale"] > 1e-7).all())


def test_weights_that_are_not_ternary_are_refused() -> None:
    with pytest.raises(ToolkitError, match="weights are not ternary") as error:
        quantize_ptq(nn.Sequential(nn.Flatten(), nn.Linear(64, 4)), samples(), weights="ternary")
    assert error.value.at == "1.weight"


def test_program_that_does_not_hold_the_codes_is_an_error_not_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = ternary_net()
    honest = convert.convert_pt2e

    def flips_one_code(prepared: torch.fx.GraphModule) -> torch.fx.GraphModule:
        converted = honest(prepared)
        next(tensor for _, tensor in converted.named_buffers() if tensor.dtype == torch.int8).view(-1)[0] ^= 1
        return converted

    monkeypatch.setattr(convert, "convert_pt2e", flips_one_code)
    with pytest.raises(ToolkitError, match="does not hold the trained weights exactly") as error:
        convert_ternary(model, samples())
    assert error.value.exit_code == CHECK_FAILED


def test_wrong_names_of_layers_are_a_users_error(digits: Dataset) -> None:
    with pytest.raises(ToolkitError, match=r"bitnet158: no layer with weights is called 'fc9'") as error:
        quantize_by("bitnet158", build("mlp", "digits"), digits, options=bitnet158.Options(skip=("fc9",)))
    assert error.value.fix.startswith("correct skip; there are ")


def test_digits_cnn_trains_to_98_percent_with_every_weight_ternary(digits: Dataset) -> None:
    torch.manual_seed(0)
    model = build("cnn", "digits")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    options = bitnet158.Options(epochs=20, learning_rate=0.01)
    settings = TrainSettings(batch_size=64, label_smoothing=0.05, weight_decay=0.02)
    program, result = quantize_by("bitnet158", model, digits, options=options, settings=settings)
    assert result is not None
    assert accuracy(program, digits.x_test, digits.y_test) >= 0.98
    assert result.test_accuracy == pytest.approx(accuracy(program, digits.x_test, digits.y_test), abs=0.01)
    assert {bounds[:2] for bounds in ranges(program).values()} == {(-1, 1)}
    weights = [tensor for tensor in program.state_dict.values() if tensor.dtype == torch.int8]
    assert sum(tensor.numel() for tensor in weights) == 19_056
    for tensor in weights:
        split(tensor.float())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
