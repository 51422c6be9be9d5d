"""Batch normalization that is folded at each run: gradients are those of a normalization by running statistics."""

from __future__ import annotations

import itertools
from operator import getitem
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional

from tests.training.nets import SAMPLE, cnn, int8_cnn, mlp, normed_cnn
from tests.training.test_step import RATE, batches
from toolkit.errors import ToolkitError
from toolkit.program import pt2
from toolkit.program.quantize import folded
from toolkit.training.budget import arena_bytes
from toolkit.training.forward import Forward
from toolkit.training.methods import tune_mode_convbn
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step

if TYPE_CHECKING:
    from tests.conftest import Cli

SETTINGS = StepSettings(method="tune-mode-convbn")


@pytest.mark.parametrize("kind", ["grouped", "pointwise", "linear"])
def test_gradients_are_those_of_evaluation_mode(kind: str) -> None:
    """By everything that may change, in float64; a gamma of 0 is no trouble."""
    generator = torch.Generator().manual_seed(0)

    def values(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def grouped(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        return functional.conv2d(x, weight, bias, 2, 1, 1, 2)

    cases: dict[str, tuple[Tensor, Tensor, Any]] = {  # more outputs than weights, and fewer
        "grouped": (values(1, 4, 9, 9), values(6, 2, 3, 3), grouped),
        "pointwise": (values(1, 8, 2, 2), values(6, 8, 1, 1), functional.conv2d),
        "linear": (values(3, 8), values(6, 8), functional.linear),
    }
    x, weight, layer = cases[kind]
    bias, gamma, beta, mean = (values(6) for _ in range(4))
    gamma[1] = 0.0
    variance = values(6).square() + 0.1
    given = [tensor.requires_grad_() for tensor in (x, weight, bias, gamma, beta)]
    expected = functional.batch_norm(layer(x, weight, bias), mean, variance, gamma, beta, eps=1e-3)
    inverse = (variance + 1e-3).rsqrt()
    found = tune_mode_convbn._Tuned.apply(x, weight, bias, gamma, beta, mean, inverse, layer)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found, expected)
    along = values(*expected.shape)
    torch.testing.assert_close(
        torch.autograd.grad(found, given, along), torch.autograd.grad(expected, given, along)
    )


@pytest.mark.parametrize("exported", [False, True])
def test_takes_the_step_that_torch_takes_in_evaluation_mode(exported: bool) -> None:
    """Ten steps of the program leave what torch.optim leaves of the module, normalizations and all."""
    module = normed_cnn()
    source: Any = torch.export.export(module, (torch.zeros(SAMPLE),)) if exported else module
    program = training_step(source, torch.zeros(SAMPLE), SETTINGS)
    states = set(program.graph_signature.buffers_to_mutate.values())
    assert states == {name for name, _ in module.named_parameters()}
    learner, optimizer = program.module(check_guards=False), torch.optim.SGD(module.parameters(), lr=0.05)
    for x, target in batches(10):
        optimizer.zero_grad()
        loss = functional.cross_entropy(module(x), target)
        loss.backward()
        found = learner(x, target, RATE)
        torch.testing.assert_close(found[1][0], loss.detach(), rtol=1e-4, atol=1e-5)
        optimizer.step()
    for name, parameter in module.named_parameters():
        torch.testing.assert_close(learner.get_buffer(name), parameter.detach(), rtol=1e-4, atol=2e-5)


def test_answers_as_the_folded_model() -> None:
    module, x = normed_cnn(), batches(1)[0][0]
    program = training_step(module, torch.zeros(SAMPLE), SETTINGS).module(check_guards=False)
    found = program(x, torch.zeros(1, 5), torch.zeros(1))[0]
    torch.testing.assert_close(found, folded(module, x)(x), rtol=1e-4, atol=1e-5)


def test_layers_and_normalizations_are_chosen_by_their_names() -> None:
    settings = StepSettings(method="tune-mode-convbn", layers=("7", "8"), only="weights")
    program = training_step(normed_cnn(), torch.zeros(SAMPLE), settings)
    assert set(program.graph_signature.buffers_to_mutate.values()) == {"7.weight", "8.weight"}


class _EvaluationMode(tune_mode_convbn.Tuned):
    """Layer and normalization one after the other: what the layer gives is kept for gamma's gradient."""

    def __init__(self, forward: Forward) -> None:
        super().__init__(forward)
        self.behind = {norm.node: norm for norm in forward.norms.values()}
        self.tensors = forward.tensors

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        if node.target is getitem and node.args[0] in self.behind:
            return arguments[0]  # type: ignore[no-any-return]
        if (norm := self.behind.get(node)) is None:
            return None
        x, gamma, beta, mean = arguments[:4]
        inverse = (self.tensors[norm.variance] + norm.eps).rsqrt()
        centred = (x - mean.reshape(1, -1, 1, 1)) * inverse.reshape(1, -1, 1, 1)
        return centred * gamma.reshape(1, -1, 1, 1) + beta.reshape(1, -1, 1, 1)  # type: ignore[no-any-return]


def _blocks() -> nn.Module:
    torch.manual_seed(0)
    channels = (1, 8, 8, 8)
    layers = [
        nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
        for a, b in itertools.pairwise(channels)
    ]
    return nn.Sequential(*layers, nn.AvgPool2d(16), nn.Flatten(), nn.Linear(8, 5)).eval()


def test_keeps_one_activation_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """The arena is that of a folded model and little more, and much less than evaluation mode's."""
    sample = torch.zeros(1, 1, 16, 16)
    tuned, without = (
        arena_bytes(_blocks(), sample, settings, "armv7em") for settings in (SETTINGS, StepSettings())
    )
    monkeypatch.setattr(tune_mode_convbn, "Tuned", _EvaluationMode)
    evaluation = arena_bytes(_blocks(), sample, SETTINGS, "armv7em")
    assert without < tuned < 1.1 * without
    assert tuned < 0.75 * evaluation


@pytest.mark.parametrize(
    ("model", "error"),
    [(int8_cnn, "a quantized program's batch normalization is folded for good"), (mlp, "has a batch normalization")],
)  # fmt: skip
def test_refuses_models_without_normalizations(model: Any, error: str) -> None:
    with pytest.raises(ToolkitError, match=error):
        training_step(model(), torch.zeros(SAMPLE), SETTINGS)


def test_the_command_makes_one_of_a_program_with_normalizations(cli: Cli, tmp_path: Path) -> None:
    pt2.save(torch.export.export(cnn(), (torch.zeros(SAMPLE),)), tmp_path / "model.pt2")
    made = cli(
        "train-step", tmp_path / "model.pt2", "-o", tmp_path / "step.pt2", "--method", "tune-mode-convbn",
        "--layer", "0", "--layer", "1", "--json",
    ).document  # fmt: skip
    assert made["states"] == ["0.weight", "0.bias", "1.weight", "1.bias"]
