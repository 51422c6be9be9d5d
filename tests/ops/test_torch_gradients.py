"""Gradients as torch asks for them, read and computed in float, against torch itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.ir import Model
from toolkit.lower.passes import lower

Function = Callable[..., Tensor]
IMAGE, LINE, ROW = (1, 4, 6, 8), (1, 4, 12), (3, 10)


class Traced(nn.Module):
    """A traced function as a module."""

    def __init__(self, traced: Callable[..., Any]) -> None:
        super().__init__()
        self.traced = traced

    def forward(self, *inputs: Tensor) -> Any:
        return self.traced(*inputs)


def _values(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _gradients(function: Function) -> Callable[..., tuple[Tensor, ...]]:
    """Return the gradients of ``function`` by all its inputs but the last, which is the gradient by its output."""

    def gradients(*inputs: Tensor) -> tuple[Tensor, ...]:
        *given, outer = inputs
        given = [x.detach().requires_grad_() for x in given]
        return torch.autograd.grad(function(*given), given, outer)

    return gradients


def _model(function: Function, *shapes: tuple[int, ...]) -> tuple[Model, tuple[Tensor, ...]]:
    given = [_values(shape, seed) for seed, shape in enumerate(shapes)]
    inputs = (*given, _values(tuple(function(*given).shape), 9))
    traced = make_fx(_gradients(function))(*inputs)
    return lower(torch.export.export(Traced(traced), inputs).run_decompositions({})), inputs


def _check(function: Function, *shapes: tuple[int, ...]) -> None:
    model, inputs = _model(function, *shapes)
    device = [
        x.numpy() if order is None else x.numpy().transpose(order)
        for x, order in zip(inputs, model.input_permutes, strict=True)
    ]
    found = reference.run(model, device)
    expected = _gradients(function)(*inputs)
    for got, order, want in zip(found, model.output_permutes, expected, strict=True):
        turned = got if order is None else got.transpose(np.argsort(order))
        largest = float(want.abs().max())
        np.testing.assert_allclose(turned, want.numpy(), rtol=1e-5, atol=3e-6 * max(largest, 1))


OF_ONE: dict[str, tuple[Function, tuple[int, ...]]] = {
    "relu": (F.relu, IMAGE),
    "relu6": (lambda x: F.relu6(4 * x), IMAGE),
    "hardtanh": (lambda x: F.hardtanh(x, -0.5, 0.7), IMAGE),
    "clamp": (lambda x: x.clamp(-0.5, 0.7), IMAGE),
    "clamp from below": (lambda x: x.clamp(min=0.1), IMAGE),
    "sigmoid": (torch.sigmoid, IMAGE),
    "tanh": (torch.tanh, IMAGE),
    "gelu": (F.gelu, ROW),
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), ROW),
    "leaky relu": (F.leaky_relu, ROW),
    "elu": (F.elu, ROW),
    "hardswish": (lambda x: F.hardswish(3 * x), ROW),
    "hardsigmoid": (lambda x: F.hardsigmoid(3 * x), ROW),
    "softplus": (F.softplus, ROW),
    "softmax": (lambda x: F.softmax(x, -1), ROW),
    "softmax over channels": (lambda x: F.softmax(F.max_pool2d(x, 2), 1), IMAGE),
    "log softmax": (lambda x: F.log_softmax(x, -1), ROW),
    "abs": (torch.abs, ROW),
    "square": (torch.square, ROW),
    "power": (lambda x: x**3, ROW),
    "square root": (lambda x: torch.sqrt(x * x + 0.1), ROW),
    "reciprocal square root": (lambda x: torch.rsqrt(x * x + 0.1), ROW),
    "reciprocal": (lambda x: torch.reciprocal(x * x + 0.1), ROW),
    "exp": (torch.exp, ROW),
    "log": (lambda x: torch.log(x * x + 0.1), ROW),
    "mean": (lambda x: x.mean((2, 3)), IMAGE),
    "mean of a pool": (lambda x: F.max_pool2d(x, 2).mean((2, 3)), IMAGE),
    "sum": (lambda x: x.sum(1), IMAGE),
    "max pool": (lambda x: F.max_pool2d(x, 2), IMAGE),
    "max pool, overlapping": (lambda x: F.max_pool2d(x, 3, 2, 1), IMAGE),
    "max pool, ceil": (lambda x: F.max_pool2d(x, 3, 2, ceil_mode=True), IMAGE),
    "max pool over ties": (lambda x: F.max_pool2d(F.relu(x), 3, 1), IMAGE),
    "max pool of one axis": (lambda x: F.max_pool1d(x, 3, 2), LINE),
    "avg pool": (lambda x: F.avg_pool2d(x, 2), IMAGE),
    "avg pool, overlapping": (lambda x: F.avg_pool2d(x, 3, 2, 1), IMAGE),
    "avg pool, padding not counted": (lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), IMAGE),
    "avg pool, ceil": (lambda x: F.avg_pool2d(x, 3, 2, ceil_mode=True), IMAGE),
    "avg pool, divisor": (lambda x: F.avg_pool2d(x, 2, divisor_override=3), IMAGE),
    "avg pool of one axis": (lambda x: F.avg_pool1d(x, 3, 2), LINE),
    "adaptive avg pool": (lambda x: F.adaptive_avg_pool2d(x, (3, 2)), IMAGE),
    "adaptive avg pool to one": (lambda x: F.adaptive_avg_pool2d(x, 1), IMAGE),
    "flatten": (lambda x: F.max_pool2d(x, 2).flatten(1), IMAGE),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1)), IMAGE),
    "slice": (lambda x: x[:, 1:3], IMAGE),
    "select": (lambda x: x[:, :, 2], IMAGE),
    "conditions": (lambda x: torch.where((x > 0.5) | ~(x >= -0.5), x, 2 * x), ROW),
}
OF_SEVERAL: dict[str, tuple[Function, tuple[tuple[int, ...], ...]]] = {
    "conv": (lambda x, w, b: F.conv2d(x, w, b, padding=1), (IMAGE, (5, 4, 3, 3), (5,))),
    "conv, no bias, stride": (lambda x, w: F.conv2d(x, w, None, (2, 1), (1, 0)), (IMAGE, (5, 4, 3, 2))),
    "conv, dilated": (lambda x, w: F.conv2d(x, w, None, 1, 2, 2), (IMAGE, (5, 4, 3, 3))),
    "conv, pointwise": (lambda x, w, b: F.conv2d(x, w, b), (IMAGE, (7, 4, 1, 1), (7,))),
    "conv, groups": (lambda x, w: F.conv2d(x, w, None, 1, 1, 1, 2), (IMAGE, (6, 2, 3, 3))),
    "conv, depthwise": (lambda x, w, b: F.conv2d(x, w, b, 1, 1, 1, 4), (IMAGE, (4, 1, 3, 3), (4,))),
    "conv, depthwise, two each": (lambda x, w: F.conv2d(x, w, None, 2, 1, 1, 4), (IMAGE, (8, 1, 3, 3))),
    "conv over one axis": (lambda x, w, b: F.conv1d(x, w, b, padding=1), (LINE, (5, 4, 3), (5,))),
    "linear": (F.linear, ((1, 10), (6, 10), (6,))),
    "linear, no bias": (F.linear, ((1, 10), (6, 10))),
    "linear, rows": (F.linear, ((3, 10), (6, 10), (6,))),
    "matmul": (torch.matmul, ((2, 3, 5), (2, 5, 4))),
    "mul per channel": (lambda x, s: F.max_pool2d(x, 2) * s.view(1, -1, 1, 1), (IMAGE, (4,))),
    "add per channel": (lambda x, s: F.max_pool2d(x, 2) + s.view(1, -1, 1, 1), (IMAGE, (4,))),
    "div": (lambda x, y: x / (y * y + 1), (ROW, ROW)),
    "mean squared error": (F.mse_loss, (ROW, ROW)),
    "where": (lambda x, y: torch.where(x > y, x * x, y), (ROW, ROW)),
    "larger of two": (torch.maximum, (ROW, ROW)),
}


@pytest.mark.parametrize("name", OF_ONE)
def test_gradient_of_one(name: str) -> None:
    function, shape = OF_ONE[name]
    _check(function, shape)


@pytest.mark.parametrize("name", OF_SEVERAL)
def test_gradients_of_several(name: str) -> None:
    function, shapes = OF_SEVERAL[name]
    _check(function, *shapes)


def test_only_gradients_that_are_read_become_steps() -> None:
    def by_weight(x: Tensor, w: Tensor, outer: Tensor) -> Tensor:
        kernel = w.detach().requires_grad_()
        return torch.autograd.grad(F.conv2d(x, kernel, None), kernel, outer)[0]

    inputs = _values(IMAGE, 0), _values((5, 4, 1, 1), 1), _values((1, 5, 6, 8), 2)
    program = torch.export.export(Traced(make_fx(by_weight)(*inputs)), inputs).run_decompositions({})
    made = [step.op for step in lower(program).steps]
    assert "conv2d_weight_gradient" in made
    assert "conv2d_input_gradient" not in made


@pytest.mark.parametrize(
    ("function", "shapes", "why"),
    [
        (lambda x, w: F.conv_transpose2d(x, w), (IMAGE, (4, 5, 2, 2)), "transposed"),
        (lambda x: F.max_pool2d(x, 2, dilation=2), (IMAGE,), "dilated"),
        (F.silu, (ROW,), "silu_backward"),
        (lambda x: F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), (IMAGE,), "ceil_mode"),
        (lambda x, w: F.conv2d(x, w), ((2, 4, 6, 8), (5, 4, 1, 1)), "batch"),
    ],
)
def test_what_is_not_computed_is_named(function: Function, shapes: tuple, why: str) -> None:
    with pytest.raises(ToolkitError, match=why):
        _model(function, *shapes)
