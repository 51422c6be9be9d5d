"""Methods that train do so by the project's rule, or the rule says what it cannot train."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

import quantize
from toolkit import bundle, models
from toolkit.data import Dataset, load
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings
from toolkit.learn.blocks import blocks
from toolkit.learn.evaluate import accuracy
from toolkit.learn.loop import train
from toolkit.program import pt2
from toolkit.program.flow import quantize_by
from toolkit.program.quantize import prepare_qat
from toolkit.verify.verify import verify

if TYPE_CHECKING:
    from torch.export import ExportedProgram

    from tests.conftest import Cli

SETTINGS = TrainSettings(epochs=4, batch_size=32, learning_rate=5e-3)


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def trained(digits: Dataset) -> nn.Module:
    torch.manual_seed(0)
    model = models.build("cnn", "digits")
    train(model, digits, settings=SETTINGS, rule="mono-forward")
    return model


def quantized(method: str, model: nn.Module, data: Dataset, rule: str, **options: Any) -> ExportedProgram:
    chosen = quantize.load(method).Options(**{"epochs": 1, "learning_rate": 2e-3, **options})
    program, _ = quantize_by(method, model, data, options=chosen, settings=SETTINGS, rule=rule)
    return program


@pytest.mark.parametrize("method", ["bitnet158", "int8-qat"])
def test_what_mono_forward_trained_is_verified_like_any_other(
    method: str, trained: nn.Module, digits: Dataset, tmp_path: Path
) -> None:
    before = copy.deepcopy(trained.state_dict())
    program = quantized(method, trained, digits, "mono-forward")
    assert accuracy(program, digits.x_test, digits.y_test) >= 0.92
    pt2.save(program, tmp_path / "net.pt2")
    bundle.export(tmp_path / "net.pt2", "host", tmp_path / "c", name="net", golden=digits.x_test[:4])
    assert verify(tmp_path / "c", fresh=8).to_json()["exact"]
    assert all(torch.equal(before[name], tensor) for name, tensor in trained.state_dict().items())
    by_backprop = quantized(method, trained, digits, "backprop")
    weights = [name for name, each in program.state_dict.items() if each.dtype == torch.int8]
    assert weights
    assert any(not torch.equal(program.state_dict[name], by_backprop.state_dict[name]) for name in weights)


# dfa makes a network forget before it learns more; the others have auxiliary heads that are new
GO_ON = {"auglocal": 3, "deeply-supervised": 3, "dfa": 1, "momentum-aux": 3}


@pytest.mark.parametrize("rule", GO_ON)
@pytest.mark.parametrize("method", ["bitnet158", "int8-qat"])
def test_other_rules_go_on_from_a_trained_network(
    method: str, rule: str, trained: nn.Module, digits: Dataset
) -> None:
    rate = 1e-3 * GO_ON[rule]
    program = quantized(method, trained, digits, rule, epochs=GO_ON[rule], learning_rate=rate)
    assert accuracy(program, digits.x_test, digits.y_test) >= 0.75


REFUSED = {
    ("tract", "bitnet158"): "a first layer's own weights",
    ("tract", "int8-qat"): "needs a linear layer",
    ("zeroth-order", "int8-qat"): "int8 rounding finds no ranges",
    ("sparse-mezo", "int8-qat"): "int8 rounding finds no ranges",
    ("gb-nn", "bitnet158"): "two linear layers with biases",
    ("gb-nn", "int8-qat"): "two linear layers with biases",
    ("pso-neuron", "bitnet158"): "not ParametrizationList",
    ("pso-neuron", "int8-qat"): "trains neurons of linear layers",
    ("collaborative-ff", "int8-qat"): "whose logits are goodnesses",
}


@pytest.mark.parametrize(("rule", "method"), REFUSED)
def test_a_rule_says_what_it_cannot_train(rule: str, method: str, digits: Dataset) -> None:
    torch.manual_seed(0)
    model = models.build("mlp", "digits")
    with pytest.raises(ToolkitError, match=REFUSED[rule, method]) as caught:
        quantized(method, model, digits, rule)
    assert caught.value.fix


def test_blocks_of_a_rounding_network_compute_what_it_does(digits: Dataset) -> None:
    torch.manual_seed(0)
    rounding = prepare_qat(models.build("resnet8", "mlperf"), torch.rand(1, 3, 32, 32).numpy())
    x = torch.rand(3, 3, 32, 32)  # another number of samples than it was captured with
    rounding(x)
    rounding.eval()
    parts = blocks(rounding)
    assert len(parts) == 5  # a residual block is one
    values = x
    for part in parts:
        values = part(values)
    assert torch.equal(values, rounding(x))
    mine = {id(parameter) for part in parts for parameter in part.parameters()}
    assert mine == {id(parameter) for parameter in rounding.parameters()}


def test_the_rule_of_a_project_trains_its_quantization(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toolkit.toml").write_text(
        "[data]\nlimit = 200\n[train]\nrule = 'tract'\nepochs = 1\n[quantize]\nmethod = 'int8-qat'\nepochs = 1\n"
    )
    done = cli("make", "--project", tmp_path, "--until", "quantize")
    assert done.code == 2
    assert "error: tract needs a linear layer" in done.err
