"""Functions, normalizations, products, attention and recurrent layers as torch exports them, whole and decomposed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.ops.functions_f32 import NAMES, evaluate_f32
from toolkit.ops.normalization import inverse_sqrt
from toolkit.ops.real_functions import evaluate


class Net(nn.Module):
    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = self.function(x)
        return found[0] if isinstance(found, tuple) else found


def _attention(x: torch.Tensor) -> torch.Tensor:
    return F.scaled_dot_product_attention(x, x + 1, x - 1)


IMAGE, POSITIVE, TOKENS = (1, 4, 6, 8), "positive", (1, 5, 8)
# what becomes one step whether the program was decomposed or not
ONE_STEP: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], object]] = {
    **{
        name: (getattr(F, name), IMAGE)
        for name in ("silu", "mish", "hardswish", "hardsigmoid", "celu", "softplus")
    },
    **{
        name: (getattr(F, name), IMAGE)
        for name in ("elu", "selu", "leaky_relu", "logsigmoid", "gelu", "tanh")
    },
    **{
        name: (getattr(torch, name), IMAGE)
        for name in ("sigmoid", "exp", "abs", "neg", "square", "sin", "cos", "erf")
    },
    **{name: (getattr(torch, name), IMAGE) for name in ("expm1", "sign", "floor", "ceil", "round")},
    **{
        name: (getattr(torch, name), IMAGE)
        for name in ("trunc", "exp2", "erfc", "atan", "sinh", "cosh", "asinh")
    },
    **{name: (getattr(torch, name), POSITIVE) for name in ("log2", "log10")},
    **{name: (getattr(torch, name), POSITIVE) for name in ("sqrt", "rsqrt", "reciprocal", "log", "log1p")},
    "gelu by tanh": (lambda x: F.gelu(x, approximate="tanh"), IMAGE),
    "silu by hand": (lambda x: x * torch.sigmoid(x), IMAGE),
    "slope": (lambda x: F.leaky_relu(x, 0.3), IMAGE),
    "power": (lambda x: x**3, IMAGE),
    "root by power": (lambda x: x**0.7, POSITIVE),
    "power of a number": (lambda x: 2.0**x, IMAGE),
    "log softmax": (lambda x: F.log_softmax(x, 1), IMAGE),
    "layer norm": (nn.LayerNorm(8), TOKENS),
    "layer norm without parameters": (nn.LayerNorm(8, elementwise_affine=False), TOKENS),
    "layer norm over two axes": (nn.LayerNorm((5, 8)), TOKENS),
    "group norm": (nn.GroupNorm(2, 4), IMAGE),
}
WHOLE: dict[
    str, Callable[[torch.Tensor], torch.Tensor]
] = {  # decomposed they are comparisons, which nothing computes
    "frac": torch.frac,
    "threshold": nn.Threshold(0.25, -0.7),
    "hardshrink": nn.Hardshrink(),
    "softshrink": nn.Softshrink(),
}
SEVERAL: dict[str, tuple[Callable[[torch.Tensor], torch.Tensor], object]] = {
    "in place": (lambda x: F.silu(x + 1, inplace=True), IMAGE),
    "argmin": (lambda x: torch.argmin(x, 1), TOKENS),
    "one slope": (nn.PReLU(), IMAGE),
    "rms norm": (nn.RMSNorm(8), TOKENS),
    "matmul": (lambda x: x @ x.transpose(-2, -1), IMAGE),
    "matmul of parts": (lambda x: x[:, :2] @ x[:, 2:].transpose(-2, -1) * 0.3, IMAGE),
    "matmul broadcast": (lambda x: x @ x[:, :1].transpose(-2, -1), IMAGE),
    "bmm": (lambda x: torch.bmm(x[0], x[0].transpose(1, 2)), IMAGE),
    "attention": (_attention, IMAGE),
    "heads": (
        lambda x: _attention(x.unflatten(-1, (2, 4)).transpose(1, 2)).transpose(1, 2).flatten(2),
        TOKENS,
    ),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), TOKENS),
    "lstm": (nn.LSTM(8, 3, 2, batch_first=True, bidirectional=True), TOKENS),
    "lstm, steps first": (nn.LSTM(8, 3, bias=False), (5, 1, 8)),
    "gru": (nn.GRU(8, 3, 2, batch_first=True), TOKENS),
    "rnn": (nn.RNN(8, 3, nonlinearity="relu", batch_first=True), TOKENS),
    "lstm cell": (nn.LSTMCell(8, 3), (1, 8)),
    "gru cell": (nn.GRUCell(8, 3), (1, 8)),
}


def _check(function: Callable[[torch.Tensor], torch.Tensor], kind: object, decomposed: bool) -> int:
    torch.manual_seed(0)
    shape = IMAGE if kind == POSITIVE else kind
    x = torch.randn(shape) * 2  # type: ignore[call-overload]
    x = x.abs() + 0.1 if kind == POSITIVE else x
    net = Net(function).eval()
    program = torch.export.export(net, (x.clone(),))
    model = lower(program.run_decompositions() if decomposed else program)
    (out,) = reference.run(model, [x.numpy()])
    expected = net(x.clone()).detach().numpy()
    np.testing.assert_allclose(out.reshape(expected.shape), expected, rtol=3e-6, atol=2e-6)
    return len(model.steps)


@pytest.mark.parametrize("decomposed", [False, True], ids=["whole", "decomposed"])
@pytest.mark.parametrize("name", ONE_STEP)
def test_is_one_step(name: str, decomposed: bool) -> None:
    assert _check(*ONE_STEP[name], decomposed) == 1


@pytest.mark.parametrize("name", WHOLE)
def test_is_one_step_as_exported(name: str) -> None:
    assert _check(WHOLE[name], IMAGE, False) == 1


@pytest.mark.parametrize("keepdim", [False, True])
def test_logsumexp_as_exported(keepdim: bool) -> None:
    _check(lambda x: torch.logsumexp(x, (1, 3), keepdim), IMAGE, False)


@pytest.mark.parametrize("decomposed", [False, True], ids=["whole", "decomposed"])
@pytest.mark.parametrize("name", SEVERAL)
def test_computes_what_torch_does(name: str, decomposed: bool) -> None:
    _check(*SEVERAL[name], decomposed)


def test_attention_copies_no_operand() -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    model = lower(torch.export.export(Attention().eval(), (torch.randn(TOKENS),)))
    steps = [step.op for step in model.steps if step.op != "reshape"]
    assert steps == [
        "fully_connected",
        "batch_matmul",
        "softmax",
        "batch_matmul",
        "permute",
        "fully_connected",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_float_functions_are_close_to_exact(name: str) -> None:
    x = np.concatenate([np.linspace(-20, 20, 40001), np.geomspace(1e-6, 80, 20001)]).astype(np.float32)
    known = {"elu": (1.3, 1.1, 0.7), "leaky_relu": (0.1,), "pow": (2.5,), "exponential": (3.0,)}
    known |= {"log_scaled": (1.44,), "threshold": (0.25, -0.7), "hardshrink": (0.5,), "softshrink": (0.5,)}
    parameters = known.get(name, ())
    if name in ("log", "log_scaled", "log1p", "sqrt", "rsqrt", "pow"):
        x = x[x > 0]
    if name in ("asin", "acos", "atanh"):
        x = x[np.abs(x) < 0.999]
    if name == "acosh":
        x = x[x >= 1]
    x = x[x != 0]
    exact = evaluate(name, x, parameters)
    error = np.abs(evaluate_f32(name, x, parameters) - exact) / np.maximum(1, np.abs(exact))
    assert error.max() < (1e-5 if name in ("pow", "exponential") else 1e-6)


def test_integer_inverse_square_root() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate([np.arange(1, 5000), (2 ** rng.uniform(0, 61.99, 5000)).astype(np.int64)])
    mantissa, exponent = inverse_sqrt(x)
    relative = mantissa / 2.0 ** (29 + exponent) * np.sqrt(x.astype(np.float64)) - 1
    assert np.abs(relative).max() < 2**-27
