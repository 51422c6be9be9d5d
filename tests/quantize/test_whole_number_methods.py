"""Methods whose weights come out of training as whole numbers: what defines each, and that C computes the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.utils import parametrize

import quantize
from quantize.lowbit import binary_variational, sparse_kernel_bnn
from quantize.lowbit.bitwise_training import Bits
from quantize.lowbit.shift_nbit import PowerOfTwo
from toolkit import bundle
from toolkit.data import Dataset, load
from toolkit.errors import ToolkitError
from toolkit.learn import TrainSettings
from toolkit.learn.evaluate import accuracy
from toolkit.learn.loop import train
from toolkit.models import build
from toolkit.program import pt2
from toolkit.program.flow import quantize_by
from toolkit.verify.verify import verify


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def cnn(digits: Dataset) -> nn.Module:
    torch.manual_seed(0)
    model = build("cnn", "digits")
    train(model, digits, settings=TrainSettings(epochs=8, learning_rate=5e-3))
    assert accuracy(model, digits.x_test, digits.y_test) > 0.97
    return model


def quantized(slug: str, model: nn.Module, data: Dataset, folder: Path, **options: object) -> ExportedProgram:
    """Return the program of a short training, after C on this machine has computed the same."""
    chosen = quantize.load(slug).Options(**{"epochs": 5, "learning_rate": 5e-3, "distill": 0.5, **options})
    program, _ = quantize_by(slug, model, data, options=chosen)
    pt2.save(program, folder / "net.pt2")
    bundle.export(
        folder / "net.pt2", "host", folder / "c", name="net", golden=data.x_test[:8], golden_count=8
    )
    assert verify(folder / "c", fresh=4).to_json()["exact"]
    return program


def integers(program: ExportedProgram) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in program.state_dict.items() if tensor.dtype == torch.int8}


def storage(program: ExportedProgram) -> set[int]:
    """Return the largest number of each weight's range."""
    names = program.graph_signature.inputs_to_buffers
    return {
        node.args[-2]
        for node in program.graph.nodes
        if "dequantize" in str(node.target) and node.args[0].name in names
    }


@pytest.mark.parametrize(("bits", "stored"), [(3, 7), (8, 127)])
def test_bitwise_training_ends_with_whole_numbers(
    cnn: nn.Module, digits: Dataset, tmp_path: Path, bits: int, stored: int
) -> None:
    program = quantized("bitwise-training", cnn, digits, tmp_path, bits=bits, learning_rate=3e-3)
    assert storage(program) == {stored}
    for weight in integers(program).values():
        assert int(weight.abs().max()) <= 2 ** (bits - 1) - 1
    assert accuracy(program, digits.x_test, digits.y_test) > 0.95


def test_bits_start_as_the_nearest_whole_numbers_and_add_up() -> None:
    weight = torch.randn(5, 7)
    rule = Bits(weight, 5)
    sureness = rule.right_inverse(weight)
    assert sureness.shape == (5, 5, 7)
    expected = (weight / rule.scale).round().clamp(-15, 15)
    assert torch.equal(rule.integers(sureness), expected)
    assert torch.equal(rule(sureness), expected * rule.scale)
    # turning one bit over changes the weight by that bit's worth: no rounding anywhere
    turned = sureness.clone()
    turned[2] = -turned[2]
    assert set((rule.integers(turned) - expected).abs().unique().tolist()) == {4.0}


def test_every_bits_gradient_is_its_worth() -> None:
    weight = torch.tensor([[3.0, -5.0]])
    rule = Bits(weight, 4)
    sureness = rule.right_inverse(weight).requires_grad_()
    rule(sureness).sum().backward()
    assert sureness.grad is not None
    found = (sureness.grad / rule.scale)[:, 0].T
    numbers = rule.integers(sureness).detach()[0]
    for number, gradient in zip(numbers, found, strict=True):
        sign = float(number.sign())
        assert gradient.tolist() == pytest.approx([sign, 2 * sign, 4 * sign, -2 * float(number.abs())])


def test_bitwise_training_makes_zeros_without_being_asked(cnn: nn.Module, digits: Dataset) -> None:
    options = quantize.load("bitwise-training").Options(bits=4, epochs=3, learning_rate=3e-3)
    program, _ = quantize_by("bitwise-training", cnn, digits, options=options)
    zeros = torch.cat([weight.flatten() == 0 for weight in integers(program).values()]).float().mean()
    assert zeros > 0.1  # all sixteen patterns alike would make an eighth, two of them being zero


def test_shift_nbit_weights_are_powers_of_two(cnn: nn.Module, digits: Dataset, tmp_path: Path) -> None:
    program = quantized("shift-nbit", cnn, digits, tmp_path, bits=3)
    for weight in integers(program).values():
        assert set(weight.abs().unique().tolist()) <= {0, 1, 2, 4}
    assert storage(program) == {7}
    reference = accuracy(cnn, digits.x_test, digits.y_test)
    assert accuracy(program, digits.x_test, digits.y_test) > reference - 0.02


def test_powers_of_two_are_the_nearest_in_the_logarithm() -> None:
    rule = PowerOfTwo(4)
    weight = torch.tensor([64.0, 30, 47, 1.3, 0.6, 0.4, 0, -11, -0.9])
    assert rule.scale(weight) == 1
    assert rule.integers(weight).tolist() == [64, 32, 64, 1, 1, 0, 0, -8, -1]


def test_binary_variational_deploys_signs(cnn: nn.Module, digits: Dataset, tmp_path: Path) -> None:
    program = quantized("binary-variational", cnn, digits, tmp_path, learning_rate=2e-2)
    for weight in integers(program).values():
        assert set(weight.unique().tolist()) == {-1, 1}
    assert storage(program) == {1}
    assert accuracy(program, digits.x_test, digits.y_test) > 0.93


def test_a_prior_forgets_less_than_plain_binary_weights(digits: Dataset) -> None:
    order = np.random.default_rng(0).permutation(64)

    def shuffled(x: np.ndarray) -> np.ndarray:
        return x.reshape(len(x), 64)[:, order].reshape(x.shape)

    second = replace(digits, x_train=shuffled(digits.x_train), x_test=shuffled(digits.x_test))
    settings = TrainSettings(epochs=10, learning_rate=0.05, weight_decay=0.0)
    lost = []
    for noisy in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 10))
        binary_variational.apply(model)
        if not noisy:
            binary_variational.settle(model)
        train(model, digits, settings=settings)
        before = accuracy(model, digits.x_test, digits.y_test)
        binary_variational.remember(model, 1e-4 if noisy else 0.0)
        train(model, second, settings=settings)
        assert accuracy(model, second.x_test, second.y_test) > 0.5
        lost.append(before - accuracy(model, digits.x_test, digits.y_test))
    assert lost[0] < lost[1] - 0.03


def test_the_priors_pull_is_the_divergences_gradient() -> None:
    theta = torch.tensor([[0.3, -1.2]], requires_grad=True)
    before = torch.tensor([[1.0, 0.5]])
    pulled = binary_variational._Pulled.apply(theta, before, 0.25)
    pulled.sum().backward()
    own = theta.detach().clone().requires_grad_()
    up, was_up = torch.sigmoid(2 * own), torch.sigmoid(2 * before)
    divergence = up * (up / was_up).log() + (1 - up) * ((1 - up) / (1 - was_up)).log()
    divergence.sum().backward()
    assert own.grad is not None
    torch.testing.assert_close(theta.grad, 1 + 0.25 * own.grad)


def test_sparse_kernels_come_from_a_small_codebook(cnn: nn.Module, digits: Dataset, tmp_path: Path) -> None:
    program = quantized("sparse-kernel-bnn", cnn, digits, tmp_path, kernels=32, learning_rate=1e-2)
    for name, weight in integers(program).items():
        if weight.dim() == 4:
            kernels = weight.reshape(-1, 9)
            kernels = kernels * kernels[:, :1]  # negative factors of a normalization have turned some over
            assert 2 <= len(kernels.unique(dim=0)) <= 32, name
            assert set(weight.unique().tolist()) == {-1, 1}
    assert sparse_kernel_bnn.bits_per_weight(32) == pytest.approx(5 / 9)
    assert accuracy(program, digits.x_test, digits.y_test) > 0.9


def test_the_codebook_itself_learns(cnn: nn.Module, digits: Dataset) -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.Conv2d(4, 4, 3, bias=False))
    parametrize.register_parametrization(layer[0], "weight", sparse_kernel_bnn.Chosen(layer[0].weight, 4))
    layer(torch.randn(2, 4, 8, 8)).square().sum().backward()
    rule = layer[0].parametrizations.weight
    used = rule[0]._choice(rule.original).unique()
    assert rule.original.grad.abs().sum() > 0
    assert (rule[0].codebook.grad[used].abs().sum(1) > 0).all()


def test_a_model_without_3x3_kernels_is_refused(digits: Dataset) -> None:
    with pytest.raises(ToolkitError, match="no 3x3 convolution"):
        quantize_by("sparse-kernel-bnn", build("mlp", "digits"), digits)
