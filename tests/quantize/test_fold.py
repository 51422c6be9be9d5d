"""Folding batch normalization in eager models."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from quantize.fold import CannotFoldError, fold_batchnorm
from quantize.ternary import split


def trained(norm: nn.Module) -> nn.Module:
    """Give a normalization statistics and factors as after training, negative factors among them."""
    with torch.no_grad():
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.3, 3)
        if norm.affine:
            norm.weight.normal_()
            norm.bias.normal_()
    return norm


@pytest.mark.parametrize(
    ("layer", "norm", "shape"),
    [
        (nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), (2, 3, 8, 8)),
        (nn.Conv2d(4, 4, 3, groups=4), nn.BatchNorm2d(4, eps=0.1), (2, 4, 8, 8)),
        (nn.Conv1d(3, 5, 2), nn.BatchNorm1d(5, affine=False), (2, 3, 9)),
        (nn.Linear(7, 5), nn.BatchNorm1d(5), (3, 7)),
        (nn.Linear(7, 5, bias=False), nn.BatchNorm1d(5), (3, 7)),
    ],
)
def test_folded_layer_computes_the_same(layer: nn.Module, norm: nn.Module, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(layer, trained(norm), nn.ReLU()).eval()
    x = torch.randn(shape)
    expected = model(x)
    assert fold_batchnorm(model) == ["0"]
    assert isinstance(model[1], nn.Identity)
    torch.testing.assert_close(model(x), expected, rtol=1e-5, atol=1e-5)


def test_ternary_weights_stay_ternary_under_negative_factors() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), trained(nn.BatchNorm2d(16)))
    codes = torch.randint(-1, 2, model[0].weight.shape)
    model[0].weight.data = codes * 0.0371
    factors = model[1].weight / (model[1].running_var + model[1].eps).sqrt()
    assert (factors < 0).any()
    fold_batchnorm(model)
    found, scale = split(model[0].weight)
    assert torch.equal(found, codes.to(torch.int8) * factors.sign().to(torch.int8)[:, None, None, None])
    torch.testing.assert_close(scale, factors.abs() * 0.0371)


class Shared(nn.Module):
    """Its convolution has a second reader, its linear layer runs twice, its last normalization follows a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(2, 2, 1), trained(nn.BatchNorm2d(2))
        self.linear, self.norm2 = nn.Linear(2, 2), trained(nn.BatchNorm1d(2))
        self.norm3 = trained(nn.BatchNorm1d(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv(x)
        y = (self.norm(y) + y).mean((2, 3))
        return self.norm3(self.norm2(self.linear(y)) + self.linear(x.mean((2, 3))))


def test_what_cannot_be_folded_is_left_alone() -> None:
    model = Shared().eval()
    x = torch.randn(3, 2, 4, 4)
    expected = model(x)
    assert fold_batchnorm(model) == []
    assert torch.equal(model(x), expected)


class Branching(nn.Module):
    """Its path depends on its data."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x) if x.sum() > 0 else x


def test_model_that_cannot_be_traced_is_an_error() -> None:
    with pytest.raises(CannotFoldError, match="depends on its data"):
        fold_batchnorm(Branching())
    with pytest.raises(CannotFoldError, match="running statistics"):
        fold_batchnorm(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False)))
