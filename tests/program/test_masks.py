"""Constant masks before a softmax: however they are written, they become part of it, in float and int8."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn import functional as F

from toolkit.errors import ToolkitError
from toolkit.lower import reference
from toolkit.lower.passes import lower
from toolkit.program.quantize import quantize_ptq

STEPS, WIDTH = 6, 16
KEPT = torch.ones(STEPS, STEPS, dtype=torch.bool).tril()
INFINITE = torch.full((STEPS, STEPS), -torch.inf).triu(1)

FORMS: dict[str, Callable[[Tensor, nn.Module], Tensor]] = {
    "a sum": lambda scores, net: scores + net.infinite,
    "masked_fill": lambda scores, net: scores.masked_fill(net.kept == 0, -torch.inf),
    "masked_fill, computed": lambda scores, net: scores.masked_fill(
        torch.ones(STEPS, STEPS).tril() == 0, -1e9
    ),
    "where": lambda scores, net: torch.where(net.kept, scores, torch.finfo(torch.float32).min),
    "where, a tensor": lambda scores, net: torch.where(net.kept, scores, torch.tensor(-1e9)),
    "where, the other way round": lambda scores, net: torch.where(~net.kept, -torch.inf, scores),
}


class Attention(nn.Module):
    """One head over (1, STEPS, WIDTH); ``mask`` changes the scores, without one torch's attention is causal."""

    def __init__(self, mask: Callable[[Tensor, nn.Module], Tensor] | None, kept: Tensor = KEPT) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.mask = nn.Linear(WIDTH, 3 * WIDTH), mask
        self.register_buffer("kept", kept)
        self.register_buffer("infinite", INFINITE)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.inner(x).chunk(3, -1)
        if self.mask is None:
            return F.scaled_dot_product_attention(query, key, value, is_causal=True)
        return self.mask(query @ key.transpose(-1, -2) / 4, self).softmax(-1) @ value


def _program(net: nn.Module, decomposed: bool = False) -> ExportedProgram:
    program = torch.export.export(net.eval(), (torch.zeros(1, STEPS, WIDTH),))
    return program.run_decompositions() if decomposed else program


def _samples(count: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, STEPS, WIDTH)).astype(np.float32)


def _ours(program: ExportedProgram, x: np.ndarray) -> np.ndarray:
    """Return what the steps compute, in real numbers; they must mask in the softmax, and int8 ones do all in int8."""
    model = lower(program)
    assert "masked_softmax" in {step.op for step in model.steps}
    given, made = model.inputs[0].quant, model.outputs[0].quant
    if given is None or made is None:
        return reference.run(model, [x])[0]
    assert {step.output.dtype for step in model.steps} == {"int8"}
    integers = np.clip(np.rint(x / given.scale[0]) + given.zero_point[0], -128, 127).astype(np.int8)
    return (reference.run(model, [integers])[0].astype(np.float32) - made.zero_point[0]) * made.scale[0]


@pytest.mark.parametrize("decomposed", [False, True], ids=["whole", "decomposed"])
@pytest.mark.parametrize("form", ["torch's attention", *FORMS])
def test_float(form: str, decomposed: bool) -> None:
    net, x = Attention(FORMS.get(form)), _samples(1)
    expected = net(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(_ours(_program(net, decomposed), x), expected, atol=1e-6)


@pytest.mark.parametrize("form", ["torch's attention", *FORMS])
def test_int8(form: str) -> None:
    net, x = Attention(FORMS.get(form)), _samples(20)
    expected = net(torch.from_numpy(x[:1])).detach().numpy()
    np.testing.assert_allclose(_ours(quantize_ptq(net.eval(), x), x[:1]), expected, atol=0.05)


def test_a_score_between_hidden_ones_and_a_row_without_any() -> None:
    for row in ([True, False, True, True, True, True], [False] * STEPS):
        kept = KEPT.clone()
        kept[3] = torch.tensor(row)
        with pytest.raises(ToolkitError, match="side by side") as error:
            lower(_program(Attention(FORMS["where"], kept)))
        assert "causal" in error.value.fix
