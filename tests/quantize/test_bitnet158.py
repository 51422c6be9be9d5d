"""Ternary training by shadow weights."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrize

from quantize.lowbit import bitnet158
from quantize.ternary import NotTernaryError, split


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(144, 8),
        nn.Linear(8, 3),
    )


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_are_the_papers_formula(statistic: str, per_channel: bool) -> None:
    model = net()
    shadow = model[4].weight.detach().clone()
    bitnet158.apply(model, bitnet158.Options(scale=statistic, per_channel=per_channel))
    rows = shadow if per_channel else shadow.reshape(1, -1)
    magnitude = rows.abs().mean(1) if statistic == "mean" else rows.abs().median(1).values
    scale = magnitude[:, None].expand(len(shadow) if per_channel else 1, 1)
    expected = (shadow / scale).round().clamp(-1, 1) * scale
    assert torch.equal(model[4].weight, expected)
    assert set((model[4].weight / scale).unique().tolist()) == {-1, 0, 1}


def test_gradient_passes_straight_through_to_the_shadow_weights() -> None:
    layer = nn.Sequential(nn.Linear(5, 3, bias=False))
    bitnet158.apply(layer, bitnet158.Options(activation_bits=0))
    x = torch.randn(7, 5)
    out = layer(x)
    upstream = torch.randn_like(out)
    out.backward(upstream)
    shadow = layer[0].parametrizations.weight.original
    torch.testing.assert_close(shadow.grad, upstream.T @ x)


def test_activations_are_rounded_to_127_steps_of_their_largest_magnitude() -> None:
    layer = nn.Sequential(nn.Linear(64, 1, bias=False))
    bitnet158.apply(layer)
    layer[0].parametrizations.weight.original.data[:] = 1  # then the output is the sum of the rounded inputs
    x = torch.linspace(-3, 2, 64)[None]
    step = 3 / 127
    expected = ((x / step).round() * step).sum()
    assert layer(x).item() == pytest.approx(expected.item(), rel=1e-5)
    assert layer(x).item() != pytest.approx(x.sum().item(), rel=1e-5)
    x.requires_grad_()
    layer(x).sum().backward()
    torch.testing.assert_close(x.grad, torch.ones_like(x))


def test_bake_keeps_exactly_the_weights_that_were_trained() -> None:
    model = net()
    names = bitnet158.apply(model, bitnet158.Options(activation_bits=0))
    assert names == ["0", "4", "5"]
    x = torch.randn(2, 1, 8, 8)
    model.eval()
    expected, zeros = model(x), bitnet158.sparsity(model)
    assert bitnet158.bake(model) == names
    assert torch.equal(model(x), expected)
    assert bitnet158.sparsity(model) == zeros
    assert all(0.1 < zero < 0.6 for zero in zeros.values())
    assert not any(parametrize.is_parametrized(module) for module in model.modules())
    for name in names:
        split(model.get_submodule(name).weight)


def test_bake_of_a_copy_leaves_the_original_in_training() -> None:
    model = net()
    bitnet158.apply(model)
    expected = model[4].weight.detach()
    bitnet158.bake(copy.deepcopy(model))
    assert torch.equal(model[4].weight, expected)
    assert type(copy.deepcopy(model)[4]) is type(model[4])


def test_bake_removes_its_own_hooks_only() -> None:
    model = net()
    calls = []
    model[4].register_forward_pre_hook(lambda module, inputs: calls.append(1))
    bitnet158.apply(model)
    bitnet158.bake(model)
    model(torch.randn(2, 1, 8, 8))
    assert calls == [1]
    assert not model[0]._forward_pre_hooks


def test_layers_can_be_kept() -> None:
    model = net()
    options = bitnet158.Options(keep_first=True, keep_last=True)
    assert bitnet158.apply(model, options) == ["4"]
    assert bitnet158.bake(model) == ["4"]
    assert bitnet158.apply(net(), bitnet158.Options(skip=("4",))) == ["0", "5"]


def test_asking_for_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="no layer with weights is called 'fc'"):
        bitnet158.apply(net(), bitnet158.Options(skip=("fc",)))
    with pytest.raises(ValueError, match="left"):
        bitnet158.apply(nn.Sequential(nn.Linear(2, 2)), bitnet158.Options(keep_last=True))
    model = net()
    bitnet158.apply(model)
    with pytest.raises(ValueError, match="parametrized already"):
        bitnet158.apply(model)


def test_nan_does_not_pass_as_ternary() -> None:
    model = net()
    bitnet158.apply(model)
    model[4].parametrizations.weight.original.data[0, 0] = float("nan")
    with pytest.raises(NotTernaryError):
        bitnet158.bake(model)


class Text(nn.Module):
    """Embedding, attention in one layer, a linear layer, and a constant one."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.fc = nn.Linear(8, 3)
        self.constant = nn.Linear(3, 3)
        self.constant.weight.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.embedding(x)
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return self.constant(self.fc(x.mean(1)))


def test_attention_and_embeddings_are_ternary_and_constants_stay() -> None:
    torch.manual_seed(0)
    model = Text()
    before = model.constant.weight.clone()
    names = bitnet158.apply(model, bitnet158.Options(embedding=True))
    assert names == ["attention", "attention.out_proj", "fc", "embedding"]
    x = torch.randint(0, 9, (2, 4))
    model(x).sum().backward()
    assert model.embedding.parametrizations.weight.original.grad is not None
    assert model.attention.parametrizations.in_proj_weight.original.grad is not None
    model.eval()
    with torch.no_grad():
        expected = model.embedding(x)
    assert sorted(bitnet158.bake(model)) == sorted(names)
    assert torch.equal(model.embedding(x), expected)
    for weight in (model.embedding.weight, model.attention.in_proj_weight, model.fc.weight):
        split(weight.detach())
        assert len(weight.unique()) == 3
    assert torch.equal(model.constant.weight, before)
    assert bitnet158.apply(Text()) == ["attention", "attention.out_proj", "fc"]


def test_a_token_has_a_scale_of_its_own() -> None:
    layer = nn.Sequential(nn.Linear(64, 1, bias=False))
    bitnet158.apply(layer, bitnet158.Options(activation_scale="token"))
    layer[0].parametrizations.weight.original.data[:] = 1  # then the output is the sum of the rounded inputs
    small, large = torch.linspace(-3, 2, 64) / 1000, torch.linspace(-5, 9, 64)
    step = 0.003 / 127
    expected = ((small / step).round() * step).sum()
    assert layer(torch.stack([small, large]))[0].item() == pytest.approx(expected.item(), rel=1e-4)
    bitnet158.bake(layer)
    bitnet158.apply(layer)
    layer[0].parametrizations.weight.original.data[:] = 1
    assert layer(torch.stack([small, large]))[0].item() == 0  # beside the large one, nothing is left of it
