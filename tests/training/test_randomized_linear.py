"""Weights' gradients from sketches: what they are for given signs, and on average."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from tests.training.nets import SAMPLE, mlp
from toolkit.errors import ToolkitError
from toolkit.learn import philox
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.program.noise import sketch
from toolkit.training.budget import arena_bytes
from toolkit.training.methods import randomized_linear
from toolkit.training.settings import StepSettings
from toolkit.training.step import training_step

SEED, STREAM, COUNT, ROWS = 7, 3, 50, 12
SETTINGS = StepSettings(method="randomized-linear")


def _values(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _matrix(draw: int) -> Tensor:
    """Return the matrix S, (COUNT, ROWS), of a draw."""
    signs = philox.signs((SEED, STREAM), draw, COUNT)
    matrix = torch.zeros(COUNT, ROWS, dtype=torch.float64)
    matrix[torch.arange(COUNT), torch.arange(COUNT) % ROWS] = torch.from_numpy(signs).double()
    return matrix


def _sketcher(draw: int) -> Any:
    return randomized_linear._Sketcher(ROWS, SEED, STREAM, torch.tensor([draw], dtype=torch.int32))


@pytest.mark.parametrize("kind", ["linear", "grouped"])
def test_gradients_are_those_of_the_sketch(kind: str) -> None:
    """The weight's is dY^T S (S^T X) in float64; those by input and bias are exact."""
    bias, along = _values(6).requires_grad_(), _values(1, COUNT, 6)
    if kind == "linear":
        x, weight = _values(1, COUNT, 8).requires_grad_(), _values(6, 8).requires_grad_()
        found = randomized_linear._Linear.apply(x, weight, bias, _sketcher(5))  # type: ignore[no-untyped-call]
        exact = functional.linear(x, weight, bias)
    else:
        x, weight = _values(1, 8, 5, 10).requires_grad_(), _values(6, 4, 1, 1).requires_grad_()
        along = along.transpose(1, 2).reshape(1, 6, 5, 10)
        found = randomized_linear._Pointwise.apply(x, weight, bias, 2, _sketcher(5))  # type: ignore[no-untyped-call]
        exact = functional.conv2d(x, weight, bias, groups=2)
    torch.testing.assert_close(found, exact)
    by_x, by_weight, by_bias = torch.autograd.grad(found, (x, weight, bias), along)
    torch.testing.assert_close((by_x, by_bias), torch.autograd.grad(exact, (x, bias), along))
    matrix = _matrix(5)
    if kind == "linear":
        torch.testing.assert_close(by_weight, (along[0].T @ matrix) @ (matrix.T @ x[0]))
        return
    rows, gradients = x[0].flatten(1).T, along[0].flatten(1).T
    whole = ((gradients.T @ matrix) @ (matrix.T @ rows))[:, :, None, None]
    torch.testing.assert_close(by_weight, torch.cat([whole[:3, :4], whole[3:, 4:]]))


def test_the_mean_of_many_is_the_gradient_and_errors_are_no_larger_than_of_dense_signs() -> None:
    """Every row of the paper's sketches has part in all; the error expected of those (section 2) is a bound here."""
    x, gradient, draws = _values(COUNT, 4), _values(COUNT, 3), 3000
    exact = gradient.T @ x
    found = torch.stack([(gradient.T @ _matrix(draw)) @ (_matrix(draw).T @ x) for draw in range(draws)])
    squares = x.square().sum(1), gradient.square().sum(1)
    dense = (
        squares[0].sum() * squares[1].sum() + exact.square().sum() - 2 * (squares[0] @ squares[1])
    ) / ROWS
    errors = (found - exact).square().sum((1, 2))
    assert (found.mean(0) - exact).square().sum() < 4 * dense / draws
    assert 0.5 * dense < errors.mean() < 1.05 * dense


@pytest.mark.parametrize("shape", [(70, 6), (1, 6, 7, 10)])
def test_a_sketch_in_c_is_torchs(shape: tuple[int, ...]) -> None:
    class Kept(nn.Module):
        draw: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("draw", torch.zeros(1, dtype=torch.int32))

        def forward(self, x: Tensor) -> Tensor:
            made = sketch(x, self.draw, 9, SEED, STREAM)
            self.draw.add_(1)
            return made

    x = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    model = lower(torch.export.export(Kept(), (x,)).run_decompositions({}))
    memory, module = reference.Memory(model), Kept()
    order = (0, 2, 3, 1) if x.dim() == 4 else (0, 1)
    for _ in range(3):
        found = reference.run(model, [np.ascontiguousarray(x.permute(order))], memory)[0]
        np.testing.assert_array_equal(found, module(x).permute(order))


def _bottlenecks() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        *(
            nn.Sequential(nn.Conv2d(8, 32, 1), nn.ReLU6(), nn.Conv2d(32, 8, 1)) for _ in range(3)
        ),
        nn.AvgPool2d(8),
        nn.Flatten(),
        nn.Linear(8, 5),
    ).eval()  # fmt: skip


def test_sketches_take_less_memory() -> None:
    """A quarter of the rows, and a byte for each value that an activation may have clipped."""
    plain, sketched = (
        arena_bytes(_bottlenecks(), torch.zeros(SAMPLE), settings, "armv7em")
        for settings in (StepSettings(), SETTINGS)
    )
    print(plain, sketched)
    assert sketched < 0.7 * plain


def test_signs_are_new_at_each_step() -> None:
    module = training_step(_bottlenecks(), torch.zeros(SAMPLE), SETTINGS).module(check_guards=False)
    x, target, moves = torch.ones(SAMPLE), torch.eye(5)[:1], []
    for _ in range(2):
        before = module.get_buffer("1.0.weight").clone()
        module(x, target, torch.tensor([1e-3]))
        moves.append(module.get_buffer("1.0.weight") - before)
    assert module.get_buffer("sketches") == 2
    assert (moves[0] - moves[1]).norm() > 0.1 * moves[0].norm()


@pytest.mark.parametrize("settings", [SETTINGS, StepSettings(method="randomized-linear", layers=("0",))])
def test_refuses_what_has_no_rows(settings: StepSettings) -> None:
    model = _bottlenecks() if settings.layers else mlp()
    with pytest.raises(ToolkitError, match="more than one row of inputs"):
        training_step(model, torch.zeros(SAMPLE), settings)
