"""A training step's program: what it computes, what it keeps, what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from tests.training.nets import SAMPLE, Residual, cnn, int8_cnn, mlp
from toolkit.errors import ToolkitError
from toolkit.program import pt2
from toolkit.program.quantize import folded
from toolkit.training.forward import Forward
from toolkit.training.rules import rules
from toolkit.training.settings import Optimizer, StepSettings
from toolkit.training.step import training_step

RATE = torch.tensor([0.05])


def batches(count: int, classes: int = 5, shape: tuple[int, ...] = SAMPLE) -> list[tuple[Tensor, Tensor]]:
    """Return samples whose class shows in their mean, each with its one-hot target."""
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(classes, (count,), generator=generator)
    pattern = torch.randn(classes, *shape[1:], generator=generator)
    noise = 0.3 * torch.randn(count, *shape[1:], generator=generator)
    one_hot = torch.eye(classes)
    return [
        ((pattern[label] + noise[i])[None], one_hot[label][None]) for i, label in enumerate(labels.tolist())
    ]


def hits(program: ExportedProgram, rate: float) -> float:
    """Return the share of right answers in the last hundred of 600 steps, each answered before it is learnt from."""
    module = program.module(check_guards=False)
    right = [
        bool(torch.equal(module(x, target, torch.tensor([rate]))[0].argmax(1), target.argmax(1)))
        for x, target in batches(600)[0 if rate else 500 :]  # at rate 0 nothing is learnt
    ]
    return sum(right[-100:]) / 100


@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_takes_the_step_that_torch_takes(optimizer: str) -> None:
    """Ten steps of the program leave the weights that torch.optim leaves, from autograd on the user's own module."""
    module = folded(cnn(), torch.zeros(SAMPLE))
    program = training_step(
        module,
        torch.zeros(SAMPLE),
        StepSettings(optimizer=optimizer, label_smoothing=0.1),  # type: ignore[arg-type]
    ).module(check_guards=False)
    momenta = {name: torch.zeros_like(p) for name, p in module.named_parameters()}
    theirs = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        "adam": lambda p: torch.optim.Adam(p, lr=0.05),
    }
    torch_own = theirs[optimizer](module.parameters()) if optimizer in theirs else None
    for x, target in batches(10):
        module.zero_grad()
        loss = nn.functional.cross_entropy(module(x), target, label_smoothing=0.1)
        loss.backward()
        found = program(x, target, RATE)
        torch.testing.assert_close(found[1][0], loss.detach(), rtol=1e-4, atol=1e-5)
        if torch_own is not None:
            torch_own.step()
        else:
            with torch.no_grad():
                for name, p in module.named_parameters():
                    assert p.grad is not None
                    momenta[name] = 0.9 * momenta[name] + 0.1 * p.grad
                    p -= 0.05 * torch.sign(p.grad if optimizer == "sign" else momenta[name])
    for name, p in module.named_parameters():
        torch.testing.assert_close(program.get_buffer(name), p.detach(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("rule", [rule for rule in rules() if rule != "zeroth-order"])
@pytest.mark.parametrize("model", [mlp, cnn, int8_cnn])
def test_learns(rule: str, model: object) -> None:
    rate = {"nearest-mean": 1.0, "dfa": 0.05, "backprop": 0.05}.get(rule, 0.1)
    slow = rule == "dfa" and model is int8_cnn  # feedback knows nothing of what the integers clip
    program = training_step(model(), torch.zeros(SAMPLE), StepSettings(rule=rule))  # type: ignore[operator]
    assert hits(program, rate) > (0.3 if slow else 0.7)


def test_learns_from_losses_alone() -> None:
    settings = StepSettings(rule="zeroth-order", epsilon=0.01)
    assert hits(training_step(mlp(), torch.zeros(SAMPLE), settings), 0.003) > 0.7


def test_answers_only_at_rate_zero() -> None:
    program = training_step(cnn(), torch.zeros(SAMPLE)).module(check_guards=False)
    before = {name: tensor.clone() for name, tensor in program.named_buffers()}
    logits = [program(x, target, torch.zeros(1))[0] for x, target in batches(3)]
    assert all(torch.equal(before[name], tensor) for name, tensor in program.named_buffers())
    reference = cnn()
    for (x, _), found in zip(batches(3), logits, strict=True):
        torch.testing.assert_close(found, reference(x), rtol=1e-4, atol=1e-5)


def test_only_the_chosen_layers_are_states() -> None:
    settings = StepSettings(layers=("6", "10"), only="biases")
    program = training_step(cnn(), torch.zeros(SAMPLE), settings)
    assert set(program.graph_signature.buffers_to_mutate.values()) == {"6.bias", "10.bias"}
    (backward,) = (node for node in program.graph.nodes if "convolution_backward" in str(node.target))
    assert backward.args[-1] == [False, False, True]  # a sum, and nothing before layer 6 learns


def test_a_quantized_model_answers_with_its_own_integers() -> None:
    """At the first step, weights are what they were: the logits are the quantized program's to the bit."""
    quantized = int8_cnn()
    program = training_step(quantized, torch.zeros(SAMPLE)).module(check_guards=False)
    for x, target in batches(5):
        assert torch.equal(program(x, target, torch.zeros(1))[0], quantized.module()(x))


def test_no_gradient_leaves_a_block_of_mono_forward() -> None:
    program = training_step(mlp(), torch.zeros(SAMPLE), StepSettings(rule="mono-forward"))
    alone = training_step(mlp(), torch.zeros(SAMPLE), StepSettings(rule="mono-forward", layers=("1",)))
    whole, first = program.module(check_guards=False), alone.module(check_guards=False)
    for x, target in batches(4):
        whole(x, target, RATE)
        first(x, target, RATE)
    assert torch.equal(whole.get_buffer("1.weight"), first.get_buffer("1.weight"))


def test_blocks_are_cut_where_one_value_passes() -> None:
    forward = Forward(Residual(), torch.zeros(1, 8))
    assert forward.blocks == 3
    assert forward.block_of["before.weight"] == 0
    assert forward.block_of["left.weight"] == forward.block_of["right.weight"] == 1
    assert forward.block_of["after.bias"] == 2


def test_survives_a_file(tmp_path: Path) -> None:
    program = training_step(int8_cnn(), torch.zeros(SAMPLE), StepSettings(optimizer="momentum"))
    pt2.save(program, tmp_path / "step.pt2")
    again = pt2.load(tmp_path / "step.pt2")[0].module(check_guards=False)
    own = program.module(check_guards=False)
    for x, target in batches(3):
        for one, other in zip(own(x, target, RATE), again(x, target, RATE), strict=True):
            assert torch.equal(one, other)
    assert torch.equal(own.get_buffer("10.weight"), again.get_buffer("10.weight"))


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        (StepSettings(rule="hebb"), "no rule 'hebb' trains on a device"),
        (StepSettings(layers=("conv*",)), "no layer with weights is called 'conv*'"),
        (StepSettings(rule="zeroth-order", optimizer="adam"), "keeps nothing besides the weights"),
        (StepSettings(rule="nearest-mean"), "the model's only layer makes the logits"),
    ],
)
def test_says_what_is_wrong(settings: StepSettings, what: str) -> None:
    with pytest.raises(ToolkitError, match=what.replace("*", r"\*")):
        training_step(nn.Linear(4, 3), torch.zeros(1, 4), settings)


def test_refuses_to_change_nothing() -> None:
    net = nn.Sequential(nn.Linear(4, 3, bias=False), nn.ReLU(), nn.Linear(3, 3))
    with pytest.raises(ToolkitError, match="nothing may change"):
        training_step(net, torch.zeros(1, 4), replace(StepSettings(), layers=("0",), only="biases"))
    with pytest.raises(ToolkitError, match="no layer with weights"):
        training_step(nn.Sequential(nn.Flatten(), nn.ReLU()), torch.zeros(SAMPLE))
